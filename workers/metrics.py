"""`/metrics` of processes that serve no HTTP otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess, start_http_server

from app.core.logging import logger
from app.core.metrics_files import forget_ended
from app.settings import Settings

log = logger(__name__)


class _OfChildren:
    """The sum of all processes that write to a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> object:
        forget_ended(self._folder)
        collector: Any = multiprocess.MultiProcessCollector
        return collector(None, self._folder).collect()


@contextmanager
def exposed(settings: Settings, *, folder: str | None = None) -> Iterator[None]:
    """Serve the metrics while the block runs, if a port is configured.

    Parameters: `folder` is where child processes write theirs; None: those of this process.
    Raises: ValueError when the port cannot be listened on.
    """
    host, port = settings.worker.metrics_host, settings.worker.metrics_port
    if port is None:
        yield
        return
    registry = REGISTRY
    if folder is not None:
        registry = CollectorRegistry()
        registry.register(_OfChildren(folder))  # type: ignore[arg-type]  # it collects
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise ValueError(
            f"cannot show metrics on {host}:{port} ({error.strerror or error}); set"
            " ANSFLOW_WORKER__METRICS_PORT to a free port, or unset it"
        ) from error
    log.info("metrics_exposed", host=host, port=port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
