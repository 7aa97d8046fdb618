"""An executor that starts no process: for tests, and for measuring what everything else costs."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.executors.base import CannotStart, Command, JobPaths, SandboxRequest
from workers.executors.folders import make_folders, open_regular, write_new
from workers.executors.process import HostProcess


@dataclass(frozen=True, slots=True)
class Played:
    """What a command is pretended to have done. `seconds` is how long it takes; TERM ends it."""

    exit_code: int = 0
    output: bytes = b""
    seconds: float = 0.0
    refused: str | None = None


Play = Callable[[Command], Played]


def succeed(_: Command) -> Played:
    """Every command ends at once with 0."""
    return Played()


class DummyExecutor:
    """See `executors.base.Executor`. `play` says what each command does; it may write files."""

    def __init__(self, work_root: Path, play: Play = succeed) -> None:
        self.work_root = work_root
        self.play = play
        self.commands: list[Command] = []

    @property
    def spool_folder(self) -> Path:
        """See `executors.base.Executor.spool_folder`."""
        folder = self.work_root / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def open(self, request: SandboxRequest) -> "DummySandbox":
        """See `executors.base.Executor.open`."""
        paths = make_folders(self.work_root, self.work_root / request.name, None)
        return DummySandbox(self, paths, request.keep)


class DummySandbox:
    """See `executors.base.Sandbox`. Folders and files are real."""

    search_path = "/usr/local/bin:/usr/bin:/bin"
    was_killed = False

    def __init__(self, executor: DummyExecutor, paths: JobPaths, keep: bool) -> None:
        self.paths = paths
        self._executor = executor
        self._keep = keep

    @property
    def account_variables(self) -> Mapping[str, str]:
        """See `executors.base.Sandbox.account_variables`."""
        return {"HOME": str(self.paths.home), "USER": "dummy", "LOGNAME": "dummy"}

    def start(self, command: Command) -> "DummyProcess":
        """See `executors.base.Sandbox.start`."""
        self._executor.commands.append(command)
        played = self._executor.play(command)
        if played.refused is not None:
            raise CannotStart(played.refused)
        return DummyProcess(played)

    def write_file(self, name: str, content: bytes) -> Path:
        """See `executors.base.Sandbox.write_file`."""
        return write_new(self.paths.commands / name, content, None)

    def open_file(self, path: Path) -> int:
        """See `executors.base.Sandbox.open_file`."""
        return open_regular(path, None)

    def read_file(self, path: Path, limit: int) -> bytes:
        """See `executors.base.Sandbox.read_file`."""
        with open(self.open_file(path), "rb") as file:
            return file.read(limit + 1)

    async def copy_in(self, source: Path, target: Path) -> None:
        """See `executors.base.Sandbox.copy_in`."""
        await asyncio.to_thread(shutil.copytree, source, target, dirs_exist_ok=True)

    def hold_containers(self, program: str, env: Mapping[str, str]) -> None:
        """See `executors.base.Sandbox.hold_containers`."""
        raise CannotStart("This executor starts nothing, so it has no containers.")

    def track(self, process: HostProcess) -> None:
        """See `executors.base.Sandbox.track`."""

    def take_over(self) -> None:
        """See `executors.base.Sandbox.take_over`."""

    async def end(self) -> None:
        """See `executors.base.Sandbox.end`."""

    async def close(self) -> None:
        """See `executors.base.Sandbox.close`."""
        if not self._keep:
            await asyncio.to_thread(shutil.rmtree, self.paths.root, ignore_errors=True)


class DummyProcess:
    """See `executors.base.Process`."""

    pid = 0

    def __init__(self, played: Played) -> None:
        self._output = played.output
        self._code = played.exit_code
        self._ended = asyncio.Event()
        self._timer = asyncio.get_running_loop().call_later(played.seconds, self._ended.set)

    async def read(self) -> bytes:
        """See `executors.base.Process.read`."""
        if self._output:
            output, self._output = self._output, b""
            return output
        await self._ended.wait()
        return b""

    async def wait(self) -> int:
        """See `executors.base.Process.wait`."""
        await self._ended.wait()
        return self._code

    async def stop(self, grace_s: float) -> None:
        """See `executors.base.Process.stop`."""
        self._end(128 + 15)

    def kill(self) -> None:
        """See `executors.base.Process.kill`."""
        self._end(128 + 9)

    def _end(self, code: int) -> None:
        if not self._ended.is_set():
            self._timer.cancel()
            self._code = code
            self._ended.set()
