"""`ansflow worker`: one process per queue, each with its own loop, guard and leases.

The settings come to these processes over a file descriptor and not in their environment, where
other processes could read the passwords.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NoReturn

from dramatiq.broker import Broker
from dramatiq.middleware import Middleware
from pydantic import SecretStr

from app.core import garbage
from app.core.clock import new_id
from app.core.logging import configure, logger
from app.core.metrics_files import shared_folder
from app.events import EventBus
from app.jobs.queues import queue_for
from app.settings import Settings
from workers.broker import RabbitBroker
from workers.connections import open_redis_bus, rabbit_publisher, rabbit_url
from workers.execution import JobMachinery, job_execution
from workers.executors.host import harden_this_process
from workers.metrics import exposed
from workers.parts import describe, open_parts
from workers.process import WorkerProcess

log = logger(__name__)

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_RESTART_S = 1.0


def run_worker(settings: Settings) -> int:
    """Work until TERM or INT; returns the exit code, if this process is not replaced.

    With one queue this process becomes the worker; with several it starts one for each, starts
    those again that die, and ends when all have ended.
    Raises: ValueError for an unknown queue, when no servers are configured, or when the port for
    metrics is taken.
    """
    rabbit_url(settings)
    queues = [(queue, queue_for(queue)) for queue in dict.fromkeys(settings.worker.queues)]
    if len(queues) == 1:
        _become_worker(settings)
    children = [_Child(_for_queue(settings, name)) for name, _ in queues]
    if settings.worker.metrics_port is None:
        return _Supervisor(children).run()
    with shared_folder() as folder, exposed(settings, folder=folder):
        return _Supervisor(children).run()


def _for_queue(settings: Settings, queue: str) -> Settings:
    # The port is the supervisor's: it shows the metrics of all its children.
    changes = {"queues": [queue], "metrics_port": None}
    worker = settings.worker.model_copy(update=changes)
    return settings.model_copy(update={"worker": worker})


def _command(descriptor: int) -> list[str]:
    return [sys.executable, "-m", "workers.main", str(descriptor)]


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("ANSFLOW_")}


def settings_file(settings: Settings) -> int:
    """A descriptor, in memory only, from which a child reads these settings."""
    descriptor = os.memfd_create("ansflow-settings", 0)
    os.write(descriptor, json.dumps(settings.model_dump(), default=_reveal).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def read_settings(descriptor: int) -> Settings:
    """The inverse of `settings_file`; closes the descriptor."""
    with os.fdopen(descriptor, "rb") as file:
        return Settings(_env_file=None, **json.loads(file.read()))


def _reveal(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.resolve())
    raise TypeError(f"{type(value).__name__} is no setting")


def _become_worker(settings: Settings) -> NoReturn:
    descriptor = settings_file(settings)
    os.set_inheritable(descriptor, True)
    os.execve(sys.executable, _command(descriptor), _environment())  # noqa: S606  ourselves


class _Child:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        descriptor = settings_file(self._settings)
        self._started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  ourselves
            [*_command(descriptor), str(os.getpid())], env=_environment(), pass_fds=[descriptor]
        )
        os.close(descriptor)

    @property
    def may_restart(self) -> bool:
        return time.monotonic() - self._started > _RESTART_S


class _Supervisor:
    def __init__(self, children: list[_Child]) -> None:
        self._children = children
        self._ending = False
        self._told: list[subprocess.Popen[bytes]] = []

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        _set_process_option(_PR_SET_DUMPABLE, 0)
        for child in self._children:
            child.start()
        while not self._ending:
            for child in self._children:
                self._look_after(child)
            time.sleep(0.2)
        return max((_code(process.wait()) for process in self._told), default=0)

    def _look_after(self, child: _Child) -> None:
        if child.process is not None and child.process.poll() is not None and child.may_restart:
            log.error("worker_died", pid=child.process.pid, code=child.process.returncode)
            if not self._ending:
                child.start()

    def _end(self, number: int, _frame: Any) -> None:
        self._ending = True
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(number)
                self._told.append(child.process)


def _code(returned: int) -> int:
    # One that was only starting ended by our signal itself, as it was told.
    return 0 if returned in (-signal.SIGTERM, -signal.SIGINT) else abs(returned)


def _set_process_option(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def serve(settings: Settings) -> None:
    """Be the worker of one queue, in this process, until TERM or INT.

    A second signal hands running jobs back at once.
    """
    ending = threading.Event()
    working: list[WorkerProcess] = []

    def end(_number: int, _frame: Any) -> None:
        if ending.is_set():
            for process in working:
                process.hurry()
        ending.set()

    # First of all: whoever is told to end while it starts ends in good order too.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    worker_id = new_id()
    machinery = JobMachinery(settings, worker_id)
    machinery.start()
    try:
        process = build(settings, machinery, worker_id)
        working.append(process)
        # A worker without its loop is none: it ends with an error, and is started again.
        process.runtime.on_death = ending.set
        with exposed(settings):
            process.start()
            garbage.settle()
            log.info("worker_started", worker_id=str(worker_id), queues=settings.worker.queues)
            ending.wait()
            process.stop(drain_s=settings.worker.drain_s)
    finally:
        machinery.close()


def build(settings: Settings, machinery: JobMachinery, worker_id: Any) -> WorkerProcess:
    """A worker process over the configured servers; not yet started."""
    description = describe(settings, worker_id, isolation=machinery.isolation)

    async def open_bus(stack: AsyncExitStack) -> EventBus:
        return await open_redis_bus(settings, stack)

    def broker(middleware: list[Middleware]) -> Broker:
        return RabbitBroker(
            rabbit_url(settings),
            middleware=middleware,
            prefix=settings.rabbitmq.prefix,
            quorum=settings.rabbitmq.quorum_queues,
        )

    return WorkerProcess(
        lambda: open_parts(
            settings,
            description=description,
            open_bus=open_bus,
            publisher=lambda: rabbit_publisher(settings),
            execute=lambda database, offset: job_execution(
                settings, database, machinery.executor, name=description.name, clock_offset=offset
            ),
            background=lambda _database: (machinery.guard.beat,),
        ),
        broker=broker,
        threads={queue_for(queue): settings.worker.concurrency for queue in settings.worker.queues},
        prefix=settings.rabbitmq.prefix,
    )


def main() -> None:
    """The entry of a child: `python -m workers.main <descriptor> [<pid of the supervisor>]`."""
    harden_this_process()
    if len(sys.argv) > 2:
        # Nobody looks after this process any more when the supervisor is killed.
        _set_process_option(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(sys.argv[2]):
            raise SystemExit("the supervisor has ended")
    configure()
    try:
        serve(read_settings(int(sys.argv[1])))
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
