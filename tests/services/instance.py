"""What every private server has: its folder, its port, its process group, its life."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from tests.services.probes import NotAnswering, probe
from tests.services.processes import group_lives

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 30.0
# Below the kernel's range for outgoing connections: while a server is stopped, no client of
# another test may be given its port.
PORTS = range(20000, 32000)


class NotInstalled(Exception):
    """The server's programs are not on this machine."""


class ServerFailed(Exception):
    """The server ended or did not answer; the text holds the end of its log."""


def free_port() -> int:
    """Return a port on 127.0.0.1 that nothing listens on."""
    while True:
        port = random.choice(PORTS)  # noqa: S311  nothing secret
        with socket.socket() as attempt, contextlib.suppress(OSError):
            attempt.bind(("127.0.0.1", port))
            return port


def find_program(*names: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises
    ------
    NotInstalled
        None of them is.
    """
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise NotInstalled(f"{' or '.join(names)} is not installed")


class Instance(ABC):
    """A server of our own: private folder and port on 127.0.0.1, stopped and killed at will.

    As a context manager it starts on entry; on exit it is killed and its folder removed. Its
    port and data stay the same over `stop`, `kill` and `start`.
    """

    kind: ClassVar[str]

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"ansflow-{self.kind}-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """How clients reach it."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _prepare(self) -> None:
        """Make what it needs; called before each start, so it accepts what is there already."""

    def _environment(self) -> Mapping[str, str]:
        return os.environ

    @property
    def pid(self) -> int:
        """The process (and process group) of the running server."""
        if self._process is None:
            raise ServerFailed(f"{self.kind} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives (frozen counts as living)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it lets us log in.

        Raises
        ------
        NotInstalled
            Its programs are missing.
        ServerFailed
            It ended, or did not answer within 90 s.
        """
        command = self._command()
        self._prepare()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own command line
                list(command),
                env=dict(self._environment()),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._await_login()

    def stop(self) -> None:
        """Stop it as an administrator would (TERM), and wait until it is gone."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # A frozen process would not see TERM.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_DEADLINE_S)
        self.kill()

    def kill(self) -> None:
        """End it at once (KILL), as a crash would; return when its whole process group is gone."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        while group_lives(self._process.pid):
            time.sleep(0.01)
        self._process = None

    def pause(self) -> None:
        """Freeze it (STOP): connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop and start it: same port, same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def log_tail(self) -> str:
        """Return the end of its log."""
        log = self.folder / "server.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _await_login(self) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while self.is_running:
            try:
                return probe(self.url)
            except NotAnswering as reason:
                if time.monotonic() > deadline:
                    self.kill()
                    raise ServerFailed(
                        f"{self.kind} did not answer: {reason}\n{self.log_tail()}"
                    ) from reason
            time.sleep(0.05)
        raise ServerFailed(f"{self.kind} ended while starting:\n{self.log_tail()}")
