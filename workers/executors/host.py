"""The host executor: the commands of a job are processes of this machine.

As root every job gets a numeric account of its own through `setpriv`, so that it can read neither
the worker's environment and files nor a sibling's workspace. Not as root, jobs run as the worker's
own account: whoever edits a pipeline acts as that account.
"""

import ctypes
import os
import shutil
from pathlib import Path

from workers.executors.accounts import Accounts
from workers.executors.base import Account, CannotStart, SandboxRequest
from workers.executors.folders import make_folders
from workers.executors.sandbox import HostSandbox
from workers.guard import Guard
from workers.guard_process import Job as GuardedJob

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


class HostExecutor:
    """See `executors.base.Executor`. Also hardens this process (`harden_this_process`).

    Parameters: `work_root` is the folder that gets one folder per job; every account must be able
    to pass through it. `isolate` False keeps the worker's own account even as root. `path` is the
    PATH of jobs before it is filtered.
    """

    def __init__(
        self, work_root: Path, *, isolate: bool = True, guard: Guard | None = None, path: str = ""
    ) -> None:
        harden_this_process()
        self.work_root = work_root
        self.guard = guard
        self.accounts = Accounts() if isolate and os.geteuid() == 0 else None
        search = path or os.environ.get("PATH", os.defpath)
        self.inherits_orphans = _inherits_orphans()
        self.search_path = passable(search) if self.accounts else search
        self._setpriv = shutil.which("setpriv")
        if self.accounts and self._setpriv is None:
            raise CannotStart(
                "Jobs of root run as unprivileged accounts, which needs the command setpriv"
                " (package util-linux). Install it, or run the worker as another account."
            )

    @property
    def isolates(self) -> bool:
        """Whether jobs run as accounts of their own; if not, `/health/detailed` has to say so."""
        return self.accounts is not None

    @property
    def spool_folder(self) -> Path:
        """See `executors.base.Executor.spool_folder`."""
        folder = self.work_root / "spool"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    async def open(self, request: SandboxRequest) -> HostSandbox:
        """See `executors.base.Executor.open`."""
        account = self.accounts.take() if self.accounts else None
        root = self.work_root / request.name
        try:
            paths = make_folders(self.work_root, root, account)
        except OSError as error:
            self._give_back(account)
            raise CannotStart(f"The workspace {root} cannot be made: {error.strerror}.") from None
        guarded = GuardedJob(
            request.marker, account.uid if account else None, str(root), request.keep
        )
        if self.guard is not None:
            self.guard.watch(guarded)
        return HostSandbox(self, guarded, paths, account)

    def prefix(self, account: Account | None) -> tuple[str, ...]:
        """What goes before a command so that it runs as `account`."""
        if account is None or self._setpriv is None:
            return ()
        ids = (f"--reuid={account.uid}", f"--regid={account.gid}")
        return (self._setpriv, *ids, "--clear-groups", "--no-new-privs", "--")

    def closed(self, sandbox: HostSandbox) -> None:
        """The sandbox has no process and no folder any more."""
        if self.guard is not None:
            self.guard.done(sandbox.marker)
            if sandbox.left_containers:
                # Their engine did not answer; the guard tries again. The account is free.
                self.guard.watch(_without_account(sandbox.guarded))
        self._give_back(sandbox.account)

    def close(self) -> None:
        """Give up the accounts; no job is open any more."""
        if self.accounts:
            self.accounts.close()

    def _give_back(self, account: Account | None) -> None:
        if self.accounts and account:
            self.accounts.give_back(account)


def _without_account(job: GuardedJob) -> GuardedJob:
    return GuardedJob(
        job.marker, None, job.root, job.keep, engine=job.engine, engine_env=job.engine_env
    )


def harden_this_process() -> None:
    """Make this process unreadable for others of its account, and the heir of orphans.

    Non-dumpable, so `/proc/<pid>/environ` and memory are closed even to the same account;
    subreaper, so that a daemonised process of a job stays a descendant and is found.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_DUMPABLE, 0), (_PR_SET_CHILD_SUBREAPER, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option})")


def _inherits_orphans() -> bool:
    value = ctypes.c_int()
    libc = ctypes.CDLL(None, use_errno=True)
    return (
        libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0) == 0 and value.value == 1
    )


def passable(search_path: str) -> str:
    """The folders of a PATH that every account may enter; the others would only give errors."""
    return os.pathsep.join(
        folder for folder in search_path.split(os.pathsep) if folder and _everyone_enters(folder)
    )


def _everyone_enters(folder: str) -> bool:
    path = Path(folder)
    try:
        resolved = path.resolve(strict=True)
        return all(part.stat().st_mode & 0o001 for part in (resolved, *resolved.parents))
    except OSError:
        return False
