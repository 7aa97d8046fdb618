"""Files that other accounts made in the folders of a job, as root in a container does."""

import os
import stat
from pathlib import Path

import pytest

from workers.executors.base import Account, JobPaths
from workers.executors.folders import (
    has_foreign_files,
    make_folders,
    open_to_everybody,
    take_over,
    write_new,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
JOB = Account(64_990, 64_990)
OTHER = 64_991


@pytest.fixture
def paths(work_root: Path) -> JobPaths:
    return make_folders(work_root, work_root / "job", JOB if os.geteuid() == 0 else None)


def test_every_account_may_enter_once_they_are_open(paths: JobPaths) -> None:
    file = write_new(paths.commands / "event.json", b"{}", None)
    open_to_everybody(paths)
    assert stat.S_IMODE(paths.workspace.stat().st_mode) == 0o777
    assert stat.S_IMODE(file.stat().st_mode) == 0o666
    # Nobody may replace the command files, and on the host nobody passes the folder above.
    assert stat.S_IMODE(paths.commands.stat().st_mode) == 0o711
    assert not paths.root.stat().st_mode & 0o007


@needs_root
class TestTakeOver:
    def test_gives_everything_to_the_job(self, paths: JobPaths) -> None:
        deep = paths.workspace / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "file").write_text("x")
        os.chown(deep, OTHER, OTHER)
        deep.chmod(0o700)
        take_over(paths, JOB)
        owners = {path.stat().st_uid for path in paths.workspace.rglob("*")}
        assert owners == {JOB.uid}

    def test_takes_the_rights_of_a_setuid_program_away(self, paths: JobPaths) -> None:
        program = paths.workspace / "become-root"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o4755)
        take_over(paths, JOB)
        assert program.stat().st_uid == JOB.uid
        assert not program.stat().st_mode & stat.S_ISUID

    def test_does_not_follow_links(self, paths: JobPaths, work_root: Path) -> None:
        outside = work_root / "outside"
        outside.mkdir()
        (outside / "secret").write_text("x")
        (paths.workspace / "link").symlink_to(outside)
        (paths.workspace / "file").symlink_to(outside / "secret")
        take_over(paths, JOB)
        assert {path.stat().st_uid for path in (outside, outside / "secret")} == {0}
        assert (paths.workspace / "link").lstat().st_uid == JOB.uid


@needs_root
class TestHasForeignFiles:
    def test_finds_what_others_made(self, paths: JobPaths) -> None:
        assert not has_foreign_files(paths)
        folder = paths.temp / "folder"
        folder.mkdir()
        (folder / "file").write_text("x")
        assert not has_foreign_files(paths)
        os.chown(folder / "file", OTHER, OTHER)
        assert has_foreign_files(paths)
