"""Structured logs: one JSON object per line, or coloured text on a terminal."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

_QUIET = ("asyncmy", "aiosqlite", "aiormq", "aio_pika", "alembic", "httpx", "pika", "asyncio")
"""Libraries whose notices are ours to tell, in our own words."""


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(*, level: str = "INFO", form: Literal["json", "text"] | None = None) -> None:
    """Send all logs of this process to stderr.

    Parameters: `form` None means text on a terminal, JSON otherwise.
    """
    if form is None:
        form = "text" if sys.stderr.isatty() else "json"
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain tracebacks: others show local variables, which may be secrets.
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    configure_events()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=last)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def configure_events() -> None:
    """Hand our own events to the standard library's logging, whoever listens there."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: static event, fields beside it: `log.info("step_finished", exit_code=1)`."""
    made: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return made
