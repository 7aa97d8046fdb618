"""`ansflow up`: server, worker and scheduler in this process, with nothing to configure."""

import asyncio
import getpass
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, cast

import typer
import uvicorn

from app.auth.service.bootstrap import FirstLogin, ensure_administrator
from app.cli.configuration import load_settings, names_of
from app.cli.dotenv import warn_of_exposed_secrets
from app.cli.errors import INVALID, CommandFailed
from app.cli.local import LocalSystem
from app.cli.samples import run_samples
from app.cli.serve import tell_login
from app.cli.serving import OPTIONS, allow_sockets
from app.core import garbage, migrate
from app.core.db import Database
from app.core.logging import configure
from app.main import EmbeddedParts, create_app
from app.settings import Mode, Settings
from workers.embedded import DataFolderInUse, EmbeddedWorker


def command(
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0: any free")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for everything that is kept")] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Comma-separated; jobs whose `runs-on` they cover run here as well"),
    ] = None,
    examples: Annotated[
        bool, typer.Option(help="Run the sample pipelines on the first start")
    ] = True,
) -> None:
    """Start a whole AnsFlow in this process and serve until Ctrl-C.

    The first start makes an administrator, whose log-in is printed once, and runs the sample
    pipelines of the folder `examples` for real. Everything is kept in the data folder.

    \b
    Examples:
      ansflow up
      ansflow up --port 9000 --data /srv/ansflow --no-examples
      ansflow up --labels gpu,arm64
    """
    settings = _settings(host, port, data, labels)
    warn_of_exposed_secrets()
    configure(level="WARNING")
    with closing(_listen(settings)) as listener:
        settings = _heard_at(settings, listener)
        worker = _embedded_worker(settings)
        try:
            worker.start(prepare=lambda: asyncio.run(migrate.upgrade(settings.database_url)))
        except DataFolderInUse as error:
            raise CommandFailed(str(error)) from None
        try:
            _serve(settings, worker, listener, examples=examples)
        finally:
            typer.echo("Stopping; running jobs may end (Ctrl-C: go on with them at the next start)")
            with _hurried(worker):
                worker.stop()


def _settings(
    host: str | None, port: int | None, data: Path | None, labels: str | None
) -> Settings:
    server = {"host": host, "port": port}
    settings = load_settings(
        server={name: value for name, value in server.items() if value is not None},
        data={} if data is None else {"folder": data},
        worker={} if labels is None else {"labels": names_of(labels)},
    )
    if settings.mode is Mode.DISTRIBUTED:
        raise CommandFailed(
            "`ansflow up` is the embedded mode, but ANSFLOW_DATABASE__URL, ANSFLOW_REDIS__URL and "
            "ANSFLOW_RABBITMQ__URL are set: unset them, or use `ansflow serve`, `ansflow worker` "
            "and `ansflow scheduler`",
            exit_code=INVALID,
        )
    return settings


def _embedded_worker(settings: Settings) -> EmbeddedWorker:
    try:
        return EmbeddedWorker(settings)
    except OSError as error:
        raise CommandFailed(
            f"the data folder {settings.data.folder} cannot be used ({error.strerror}); choose "
            "another with --data"
        ) from None


def _listen(settings: Settings) -> socket.socket:
    """Before anything else, so that a port in use is said at once."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CommandFailed(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port"
        ) from None
    return listener


def _heard_at(settings: Settings, listener: socket.socket) -> Settings:
    """With the port that was found free: links and addresses of webhooks have it."""
    server = settings.server.model_copy(update={"port": listener.getsockname()[1]})
    return settings.model_copy(update={"server": server})


def _serve(
    settings: Settings, worker: EmbeddedWorker, listener: socket.socket, *, examples: bool
) -> None:
    allow_sockets()
    app = create_app(settings, embedded=cast(EmbeddedParts, worker))

    async def begun() -> None:
        database: Database = app.state.runtime.database
        login = await ensure_administrator(database)
        _tell(settings, listener, login)
        if login is not None and examples:
            system = LocalSystem(database, app.state.runtime.events)
            await run_samples(system, user_name=login.name)
        typer.echo(f"Watch runs at {_address(listener)}/live; Ctrl-C stops the server")

    garbage.settle()
    server = _Server(uvicorn.Config(app, **OPTIONS), begun)
    server.run(sockets=[listener])


def _tell(settings: Settings, listener: socket.socket, login: FirstLogin | None) -> None:
    typer.echo(f"AnsFlow listens on {_address(listener)} (documentation: /docs)")
    typer.echo(f"Everything is kept in {settings.data.folder.resolve()}")
    typer.echo(_isolation(settings))
    if login is not None:
        tell_login(login)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _isolation(settings: Settings) -> str:
    if os.geteuid() == 0 and settings.worker.isolation == "auto":
        return "Every job runs as an unprivileged account of its own"
    return (
        f"Jobs run as the account {getpass.getuser()!r}: whoever edits a pipeline can do "
        "everything that it can"
    )


class _Server(uvicorn.Server):
    """Calls `begun` once it listens; a signal ends it in good order and is not raised again."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._begun = begun
        self._first: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._first = asyncio.ensure_future(self._begun())
            self._first.add_done_callback(self._end_on_failure)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._first is not None:
            self._first.cancel()
        await super().shutdown(sockets)

    def _end_on_failure(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with _signals(self.handle_exit):
            yield
        if self._first is not None and self._first.done() and not self._first.cancelled():
            self._first.result()


@contextmanager
def _hurried(worker: EmbeddedWorker) -> Iterator[None]:
    def hurry(_number: int, _frame: FrameType | None) -> None:
        worker.hurry()

    with _signals(hurry):
        yield


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
