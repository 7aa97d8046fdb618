"""Numeric accounts for jobs: one per running job of this host, so that siblings cannot meet.

The accounts need no entry in /etc/passwd. A worker process holds a block of them through a file
lock; the guard inherits the lock, so a block is free only after everything in it was killed.
"""

import contextlib
import fcntl
import os
import pwd
from collections.abc import Collection, Sequence
from pathlib import Path

from workers.executors.base import Account, CannotStart
from workers.guard_process import Job, kill_until_empty, processes, remove_tree

FIRST_UID = 64000
BLOCK = 32
BLOCKS = 31
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  what jobs left there goes away
LOCK_FOLDER = Path("/run/ansflow/accounts")


class Accounts:
    """The accounts that this worker process may give to its jobs; only for root."""

    def __init__(self, folder: Path = LOCK_FOLDER) -> None:
        self._folder = folder
        self._locks: list[int] = []
        self._free: list[int] = []
        self._add_block()

    @property
    def locks(self) -> tuple[int, ...]:
        """The descriptors that the guard has to hold."""
        return tuple(self._locks)

    @property
    def left(self) -> int:
        """How many more jobs can run at once."""
        return len(self._free)

    def take(self) -> Account:
        """An account that no running job has.

        Raises:
            CannotStart: all are in use.
        """
        if not self._free:
            raise CannotStart(f"All {BLOCK} accounts of this worker are in use by other jobs.")
        uid = self._free.pop(0)
        return Account(uid, uid)

    def give_back(self, account: Account) -> None:
        """The account has no process any more. It goes to the end of the row."""
        self._free.append(account.uid)

    def close(self) -> None:
        for lock in self._locks:
            os.close(lock)
        self._locks.clear()

    def _add_block(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for block in range(BLOCKS):
            descriptor = os.open(
                self._folder / f"block-{block}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            first = FIRST_UID + block * BLOCK
            uids = [uid for uid in range(first, first + BLOCK) if not _is_named(uid)]
            if not uids:
                os.close(descriptor)
                continue
            self._locks.append(descriptor)
            self._free.extend(uids)
            _kill_leftovers(uids)
            remove_leftovers(frozenset(uids))
            return
        raise CannotStart(f"{BLOCKS} worker processes of this host hold all job accounts.")


def remove_leftovers(uids: Collection[int]) -> None:
    """Remove what accounts that run nothing own in the folders that everybody may write.

    The next job with such an account could read it: a later stranger must not.
    """
    for folder in SHARED_FOLDERS:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if _owner(entry) in uids:
                    _remove(entry)


def _owner(entry: "os.DirEntry[str]") -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:
        return None


def _remove(entry: "os.DirEntry[str]") -> None:
    if entry.is_dir(follow_symlinks=False):
        remove_tree(entry.path)
    else:
        with contextlib.suppress(OSError):
            os.unlink(entry.path)


def _is_named(uid: int) -> bool:
    """Whether it is somebody's account, and so never one of ours."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _kill_leftovers(uids: Sequence[int]) -> None:
    """Nobody else holds these accounts: what runs under them was left by a dead worker."""
    for uid in {uid for entry in processes() for uid in entry.uids if uid in uids}:
        kill_until_empty(Job("", uid, ""))
