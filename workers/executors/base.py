"""What an executor is: it opens a sandbox per job, and the sandbox starts and stops processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from workers.executors.process import HostProcess


class CannotStart(Exception):
    """A command could not be started at all; the text is the reason of the step."""


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged numeric account that all processes of one job run as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A job that wants a sandbox. `name` is a folder name, `marker` is found in its processes."""

    name: str
    marker: str
    keep: bool = False


@dataclass(frozen=True, slots=True)
class JobPaths:
    """The folders of one job as its processes see them.

    `workspace`, `temp`, `home` and `tools` belong to the job. `commands` holds the environment
    files and scripts; the job may write these files but not replace them, so that the worker, which
    may have more rights, never follows a link that the job planted.
    """

    root: Path
    workspace: Path
    temp: Path
    home: Path
    tools: Path
    commands: Path


@dataclass(frozen=True, slots=True)
class Command:
    """One process to start. `env` is its whole environment; `stdin` is a descriptor to read from,
    else there is nothing to read."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: int | None = None


class Process(Protocol):
    """A started command. Its standard output and error are one stream."""

    @property
    def pid(self) -> int: ...

    async def read(self) -> bytes:
        """The next bytes as they come; empty at the end of the output.

        The output also ends a moment after the command did, when a background process that it left
        still holds the stream but is quiet; what that writes later is read and thrown away.
        """
        ...

    async def wait(self) -> int:
        """The exit code, 128 + n after signal n."""
        ...

    async def stop(self, grace_s: float) -> None:
        """TERM to the whole group, KILL after the grace; returns when the group is empty."""
        ...

    def kill(self) -> None:
        """KILL to the whole group, now; also while `stop` waits."""
        ...


class Sandbox(Protocol):
    """The place where all commands of one job run."""

    @property
    def paths(self) -> JobPaths: ...

    @property
    def search_path(self) -> str:
        """The PATH that a job starts with: only folders that its account can read."""
        ...

    @property
    def was_killed(self) -> bool:
        """Whether the guard killed the job because this worker hung or was stopped."""
        ...

    @property
    def account_variables(self) -> Mapping[str, str]:
        """`HOME`, `USER` and `LOGNAME` of the account that the commands run as."""
        ...

    def start(self, command: Command) -> Process:
        """Start a command in a session of its own.

        Raises:
            CannotStart: no such command or folder, or the system refuses.
        """
        ...

    def write_file(self, name: str, content: bytes) -> Path:
        """Make a file in `commands` that the job may read and write but not replace."""
        ...

    def open_file(self, path: Path) -> int:
        """A descriptor to read a file that belongs to the job, wherever its links lead.

        Raises:
            OSError: there is no such file, or it is not a regular file of this job.
        """
        ...

    def read_file(self, path: Path, limit: int) -> bytes:
        """Read such a file: at most `limit` + 1 bytes, so that the caller sees excess.

        Raises:
            OSError: as for `open_file`.
        """
        ...

    async def copy_in(self, source: Path, target: Path) -> None:
        """Copy a folder of the worker's into a folder of the job, as the job's own files.

        Raises:
            CannotStart: the folder cannot be read or the copy not written; the text says why.
        """
        ...

    def hold_containers(self, program: str, env: Mapping[str, str]) -> None:
        """Say that the job has containers, which `end` removes, and the guard if need be.

        Parameters: `program` is the docker command of the worker, `env` its environment. The
        folders of the job are opened to the accounts in its containers.
        """
        ...

    def track(self, process: "HostProcess") -> None:
        """Let `end` also release a process that the worker started for the job."""
        ...

    def take_over(self) -> None:
        """Make files that others wrote in containers the job's own; may take long."""
        ...

    async def end(self) -> None:
        """Kill every process of the job, wait until none is left, remove its containers.

        No command is started after.
        """
        ...

    async def close(self) -> None:
        """`end` if that has not been done, then remove its folders."""
        ...


class Executor(Protocol):
    """How jobs run on this worker."""

    @property
    def spool_folder(self) -> Path:
        """A folder of the worker's own, for logs that cannot be stored now."""
        ...

    async def open(self, request: SandboxRequest) -> Sandbox:
        """Make the sandbox of a job.

        Raises:
            CannotStart: its folders could not be made; the text says why.
        """
        ...
