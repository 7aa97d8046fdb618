"""`ansflow scheduler`."""

from app.cli.configuration import load_settings, require_distributed
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
    configure()
    run_scheduler(settings)
