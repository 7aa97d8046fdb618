"""`ansflow scheduler`."""

from app.cli.configuration import load_settings, require_distributed
from app.cli.dotenv import warn_of_exposed_secrets
from app.cli.errors import INVALID, CommandFailed
from app.cli.redis import require_redis
from app.core.logging import configure
from workers.scheduler import run_scheduler


def command() -> None:
    """Run timers, sweeps and the relay until TERM or Ctrl-C. Several of them do no harm.

    \b
    Examples:
      ansflow scheduler
    """
    settings = load_settings()
    require_distributed(settings, "scheduler")
    warn_of_exposed_secrets()
    require_redis(settings)
    configure()
    try:
        run_scheduler(settings)
    except ValueError as error:
        raise CommandFailed(str(error), exit_code=INVALID) from None
