"""`ansflow worker`."""

import sys
from typing import Annotated, Any

import typer

from app.cli.configuration import load_settings, names_of, require_distributed
from app.cli.dotenv import warn_of_exposed_secrets
from app.cli.errors import INVALID, CommandFailed
from app.cli.redis import require_redis
from app.jobs.catalog import PRIORITIES
from app.settings import Settings
from workers.main import run_worker


def command(
    queues: Annotated[
        str | None,
        typer.Option(help=f"Comma-separated, of {', '.join(PRIORITIES)}. Default: all"),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=256, help="Jobs that run at the same time per queue")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Comma-separated; jobs whose `runs-on` they cover come here as well"),
    ] = None,
) -> None:
    """Run jobs until TERM or Ctrl-C; running jobs may then end, a second signal hands them back.

    \b
    Examples:
      ansflow worker
      ansflow worker --queues high --concurrency 8
      ansflow worker --labels linux,gpu
    """
    settings = load_settings()
    require_distributed(settings, "worker")
    warn_of_exposed_secrets()
    require_redis(settings)
    try:
        code = run_worker(_changed(settings, queues, concurrency, labels))
    except ValueError as error:
        raise CommandFailed(str(error), exit_code=INVALID) from None
    sys.exit(code)


def _changed(
    settings: Settings, queues: str | None, concurrency: int | None, labels: str | None
) -> Settings:
    given: dict[str, Any] = {
        "queues": None if queues is None else names_of(queues),
        "concurrency": concurrency,
        "labels": None if labels is None else names_of(labels),
    }
    unknown = [name for name in given["queues"] or () if name not in PRIORITIES]
    if unknown:
        raise CommandFailed(
            f"there is no queue {unknown[0]!r}; queues are {', '.join(PRIORITIES)}",
            exit_code=INVALID,
        )
    changes = {name: value for name, value in given.items() if value is not None}
    worker = settings.worker.model_copy(update=changes)
    return settings.model_copy(update={"worker": worker})
