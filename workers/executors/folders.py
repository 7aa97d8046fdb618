"""The folders of a job, and files in them that the worker writes and reads safely."""

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path

from workers.executors.base import Account, JobPaths


def make_folders(work_root: Path, root: Path, account: Account | None) -> JobPaths:
    """Make the folders of a job. `root` belongs to the worker, what the job may change to it."""
    paths = JobPaths(
        root, root / "work", root / "temp", root / "home", root / "tools", root / "commands"
    )
    if not work_root.is_dir():
        work_root.mkdir(parents=True, mode=0o711)
        work_root.chmod(0o711)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700)
    for folder in (paths.workspace, paths.temp, paths.home, paths.tools):
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account.uid, account.gid)
    paths.commands.mkdir(mode=0o700)
    if account:
        # The job passes through by its group and cannot list, add, replace or remove anything.
        for folder in (root, paths.commands):
            os.chown(folder, 0, account.gid)
            folder.chmod(0o710)
    return paths


def open_to_everybody(paths: JobPaths) -> None:
    """Let every account in that reaches these folders: in containers, where it may be any.

    On the host nobody else passes the folder above them.
    """
    for folder in (paths.workspace, paths.temp, paths.home, paths.tools):
        folder.chmod(0o777)
    paths.commands.chmod(0o711)
    for file in paths.commands.iterdir():
        file.chmod(0o666)


def take_over(paths: JobPaths, account: Account) -> None:
    """Give the files that others made in containers to the account of the job.

    Only called by root. Links are not followed, and no file of the host can be linked to from
    these mounts.
    """
    for top in (paths.workspace, paths.temp, paths.home, paths.tools, paths.commands):
        is_own = top == paths.commands
        for _, folders, files, descriptor in os.fwalk(top, follow_symlinks=False):
            if not is_own:
                _take(".", descriptor, account)
            for name in (*folders, *files):
                _take(name, descriptor, account)


def has_foreign_files(paths: JobPaths) -> bool:
    """Whether another account than this process's made a file in the folders of the job."""
    own = os.geteuid()
    for top in (paths.workspace, paths.temp, paths.home, paths.tools):
        for _, folders, files, descriptor in os.fwalk(top, follow_symlinks=False):
            for name in (*folders, *files):
                with contextlib.suppress(FileNotFoundError):
                    if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid != own:
                        return True
    return False


def _take(name: str, folder: int, account: Account) -> None:
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if status.st_uid != account.uid:
            os.chown(name, account.uid, account.gid, dir_fd=folder, follow_symlinks=False)


def write_new(path: Path, content: bytes, account: Account | None, *, mode: int = 0o600) -> Path:
    """Make a file that belongs to `account`, where no file and no link is yet.

    Raises:
        OSError: it cannot be made, or not be written whole.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        if account:
            os.fchown(descriptor, account.uid, account.gid)
        if mode != 0o600:
            # Not by its name: root in a container could put a link there by now.
            os.fchmod(descriptor, mode)
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
    return path


def open_regular(path: Path, account: Account | None) -> int:
    """Open a regular file for reading, of `account` if one is given, wherever links lead.

    Raises:
        OSError: it is not there, or not such a file.
    """
    # First a handle that opens nothing: a link of the job's could lead to any device.
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        foreign = account is not None and status.st_uid != account.uid
        if foreign or not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "Not a file of this job", str(path))
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(handle)
