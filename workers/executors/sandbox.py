"""One job's folders and processes on this machine."""

import asyncio
import contextlib
import errno
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.logging import logger
from workers.executors.accounts import remove_leftovers
from workers.executors.base import Account, CannotStart, Command, JobPaths
from workers.executors.folders import (
    has_foreign_files,
    open_regular,
    open_to_everybody,
    take_over,
    write_new,
)
from workers.executors.process import HostProcess, spawn
from workers.guard_process import (
    MARKER_VARIABLE,
    belongs,
    children,
    hand_over,
    kill_pass,
    members,
    process,
    remove_containers,
    remove_tree,
)
from workers.guard_process import Job as GuardedJob

if TYPE_CHECKING:
    from workers.executors.host import HostExecutor

log = logger(__name__)

KILL_POLL_S = 0.005


class HostSandbox:
    """See `executors.base.Sandbox`."""

    def __init__(
        self,
        executor: "HostExecutor",
        guarded: GuardedJob,
        paths: JobPaths,
        account: Account | None,
    ) -> None:
        self.paths = paths
        self.account = account
        self.marker = guarded.marker
        self.search_path = executor.search_path
        self._executor = executor
        self._guarded = guarded
        self._started: list[HostProcess] = []
        self._own: set[int] = set()
        self._has_ended = False
        self._is_open = False
        self.left_containers = False

    @property
    def guarded(self) -> GuardedJob:
        """What the guard knows of this job."""
        return self._guarded

    @property
    def was_killed(self) -> bool:
        """See `executors.base.Sandbox.was_killed`."""
        guard = self._executor.guard
        return guard is not None and guard.has_killed(self.marker)

    @property
    def account_variables(self) -> Mapping[str, str]:
        """See `executors.base.Sandbox.account_variables`."""
        if self.account:
            name, home = f"job-{self.account.uid}", str(self.paths.home)
        else:
            name, home = _own_account()
        return {"HOME": home, "USER": name, "LOGNAME": name}

    def start(self, command: Command) -> HostProcess:
        """See `executors.base.Sandbox.start`."""
        program = self._find(command)
        prefix = self._executor.prefix(self.account)
        try:
            process = spawn(
                [*prefix, program, *command.argv[1:]],
                cwd=command.cwd,
                env=command.env,
                stdin=command.stdin,
            )
        except (OSError, ValueError) as error:
            raise CannotStart(_why(error, command)) from None
        self._started.append(process)
        self._own.add(process.pid)
        self._guarded.group = process.pid
        if self._executor.guard is not None:
            self._executor.guard.group(self.marker, process.pid)
        return process

    def write_file(self, name: str, content: bytes) -> Path:
        """See `executors.base.Sandbox.write_file`."""
        mode = 0o666 if self._is_open else 0o600
        return write_new(self.paths.commands / name, content, self.account, mode=mode)

    def read_file(self, path: Path, limit: int) -> bytes:
        """See `executors.base.Sandbox.read_file`."""
        with open(self.open_file(path), "rb") as file:
            return file.read(limit + 1)

    def open_file(self, path: Path) -> int:
        """See `executors.base.Sandbox.open_file`."""
        return open_regular(path, self.account)

    async def copy_in(self, source: Path, target: Path) -> None:
        """See `executors.base.Sandbox.copy_in`."""
        # Read with the worker's rights, written with the job's: no link that the job planted can
        # make the worker write elsewhere.
        prefix = self._executor.prefix(self.account)
        pack = (
            "tar",
            "-C",
            str(source),
            *_without(self._executor.work_root, source),
            "-cf",
            "-",
            ".",
        )
        unpack = (*prefix, "tar", "-C", str(target), "--no-same-owner", "-xf", "-")
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            environment = {MARKER_VARIABLE: self.marker, "PATH": os.environ.get("PATH", os.defpath)}
            packing = await _spawn(pack, environment, stdin=subprocess.DEVNULL, stdout=writing)
            unpacking = await _spawn(unpack, environment, stdin=reading, stdout=subprocess.DEVNULL)
        finally:
            os.close(reading)
            os.close(writing)
        (_, packed), (_, unpacked) = await asyncio.gather(
            packing.communicate(), unpacking.communicate()
        )
        # 1: a file changed while it was read. The rest is there.
        if packing.returncode not in (0, 1) or unpacking.returncode != 0:
            why = (packed + unpacked).decode("utf-8", "replace").strip()[-1000:]
            raise CannotStart(f"The folder {source} cannot be copied into the workspace: {why}")

    def hold_containers(self, program: str, env: Mapping[str, str]) -> None:
        """See `executors.base.Sandbox.hold_containers`."""
        self._guarded.engine, self._guarded.engine_env = program, dict(env)
        open_to_everybody(self.paths)
        self._is_open = True
        if self._executor.guard is not None:
            self._executor.guard.watch(self._guarded)

    def track(self, process: HostProcess) -> None:
        """See `executors.base.Sandbox.track`."""
        self._started.append(process)
        self._own.add(process.pid)

    def take_over(self) -> None:
        """See `executors.base.Sandbox.take_over`."""
        if not self._is_open:
            return
        if self.account:
            take_over(self.paths, self.account)
        elif has_foreign_files(self.paths):
            hand_over(self._guarded)

    async def end(self) -> None:
        """See `executors.base.Sandbox.end`."""
        await self._kill_all()
        has_any = self._guarded.engine is not None
        if has_any and not await asyncio.to_thread(remove_containers, self._guarded):
            log.warning("containers_left", job=self.paths.root.name)
            self.left_containers = True
        self._has_ended = True
        for started in self._started:
            started.release()

    async def close(self) -> None:
        """See `executors.base.Sandbox.close`."""
        if not self._has_ended:
            await self.end()
        if self.left_containers:
            # Something may still write there; the guard removes it after them.
            pass
        elif self._guarded.keep:
            _open_to_owner(self.paths)
        else:
            await asyncio.to_thread(remove_tree, str(self.paths.root))
        if self.account:
            await asyncio.to_thread(remove_leftovers, (self.account.uid,))
        self._executor.closed(self)

    async def _kill_all(self) -> None:
        """Also what left its group, its session and its parents."""
        if self._executor.inherits_orphans and not any(map(self._is_own, children())):
            return
        # Nothing tells when processes end that are not this process's children.
        while not kill_pass(self._guarded):  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(KILL_POLL_S)
        for entry in members(self._guarded):
            if entry.dead and entry.pid not in self._own:
                reap(entry.pid)

    def _is_own(self, pid: int) -> bool:
        entry = process(pid)
        return entry is not None and belongs(self._guarded, entry)

    def _find(self, command: Command) -> str:
        name = command.argv[0]
        if not command.cwd.is_dir():
            raise CannotStart(f"The working directory {command.cwd} does not exist.")
        found = shutil.which(name, path=command.env.get("PATH", self.search_path))
        if found is None:
            raise CannotStart(f"The command {name!r} does not exist on this worker.")
        return found


def _without(work_root: Path, source: Path) -> tuple[str, ...]:
    """A folder that holds the workspaces is not copied into one of them."""
    if work_root.is_relative_to(source):
        return ("--anchored", f"--exclude=./{work_root.relative_to(source)}")
    return ()


async def _spawn(
    argv: Sequence[str], env: Mapping[str, str], *, stdin: int, stdout: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
    )


def reap(pid: int) -> None:
    """Take the exit status of an orphan that this process inherited."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _open_to_owner(paths: JobPaths) -> None:
    paths.root.chmod(0o700)


def _own_account() -> tuple[str, str]:
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        # A container may run as a number that nobody named.
        return str(os.getuid()), os.environ.get("HOME", "/")
    return entry.pw_name, os.environ.get("HOME", entry.pw_dir)


def _why(error: OSError | ValueError, command: Command) -> str:
    if isinstance(error, ValueError):
        # A zero byte above all: the system cannot pass it on.
        return f"An argument or variable of {command.argv[0]} cannot be passed on: {error}."
    if error.errno == errno.E2BIG:
        return "The environment of the step is too large for the system (E2BIG)."
    return f"{command.argv[0]} cannot be started: {error.strerror}."
