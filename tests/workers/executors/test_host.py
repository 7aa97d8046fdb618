"""The host executor: accounts, folders, starting, what a job cannot read."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workers.executors.accounts import Accounts
from workers.executors.base import CannotStart, Command, SandboxRequest
from workers.executors.host import HostExecutor, passable
from workers.executors.sandbox import HostSandbox
from workers.guard_process import MARKER_VARIABLE, Job

MARKER = "m" * 32
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a job its own account")


@pytest.fixture
async def executor(work_root: Path) -> AsyncIterator[HostExecutor]:
    executor = HostExecutor(work_root)
    yield executor
    executor.close()


@pytest.fixture
async def sandbox(executor: HostExecutor) -> AsyncIterator[HostSandbox]:
    sandbox = await executor.open(SandboxRequest("job", MARKER))
    yield sandbox
    await sandbox.close()


async def output(sandbox: HostSandbox, *argv: str) -> tuple[int, str]:
    env = {"PATH": sandbox.search_path, MARKER_VARIABLE: MARKER}
    process = sandbox.start(Command(argv, sandbox.paths.workspace, env))
    parts = []
    while data := await process.read():
        parts.append(data)
    return await process.wait(), b"".join(parts).decode()


async def test_output_and_exit_code(sandbox: HostSandbox) -> None:
    assert await output(sandbox, "sh", "-c", "echo a; echo b >&2; exit 5") == (5, "a\nb\n")


@pytest.mark.parametrize(
    ("argv", "folder", "why"),
    [
        (("no-such-command",), ".", "'no-such-command' does not exist on this worker"),
        (("true",), "missing", "missing does not exist"),
        (("true", "x" * 3_000_000), ".", "too large"),
    ],
)
async def test_what_cannot_start_says_why(
    sandbox: HostSandbox, argv: tuple[str, ...], folder: str, why: str
) -> None:
    command = Command(argv, sandbox.paths.workspace / folder, {"PATH": sandbox.search_path})
    with pytest.raises(CannotStart, match=why):
        sandbox.start(command)


async def test_a_closed_sandbox_leaves_no_folder(executor: HostExecutor) -> None:
    sandbox = await executor.open(SandboxRequest("gone", MARKER))
    await output(sandbox, "sh", "-c", "mkdir -p a/b; touch a/b/c; chmod 000 a")
    await sandbox.close()
    assert not sandbox.paths.root.exists()


async def test_a_kept_workspace_stays_for_its_owner_only(executor: HostExecutor) -> None:
    sandbox = await executor.open(SandboxRequest("kept", MARKER, keep=True))
    await output(sandbox, "touch", "result")
    await sandbox.close()
    assert (sandbox.paths.workspace / "result").exists()
    assert stat.S_IMODE(sandbox.paths.root.stat().st_mode) == 0o700


async def test_no_workspace_without_room(executor: HostExecutor, work_root: Path) -> None:
    (work_root / "file").write_text("")
    executor.work_root = work_root / "file"
    with pytest.raises(CannotStart, match="cannot be made"):
        await executor.open(SandboxRequest("job", MARKER))


@as_root
async def test_jobs_of_root_are_other_accounts_without_more_rights(sandbox: HostSandbox) -> None:
    assert sandbox.account is not None
    uid = str(sandbox.account.uid)
    assert await output(sandbox, "id", "-u") == (0, f"{uid}\n")
    assert await output(sandbox, "id", "-G") == (0, f"{uid}\n")
    _, status = await output(sandbox, "cat", "/proc/self/status")
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status


@as_root
async def test_secrets_of_the_worker_cannot_be_read(
    executor: HostExecutor, sandbox: HostSandbox, monkeypatch: pytest.MonkeyPatch, work_root: Path
) -> None:
    canary = "canary-7f1c"
    monkeypatch.setenv("ANSFLOW_CANARY", canary)
    key_file = work_root / "key"
    key_file.write_text(canary)
    key_file.chmod(0o600)
    sibling = await executor.open(SandboxRequest("sibling", "n" * 32))
    secret = sibling.paths.workspace / "secret"
    await output(sibling, "sh", "-c", f"echo {canary} > {secret}; chmod 644 {secret}")
    script = (
        f"env; cat /proc/{os.getpid()}/environ /proc/$PPID/environ; cat {key_file} {secret};"
        f" ls {sibling.paths.root} {sibling.paths.workspace}; cat /etc/shadow;"
        " for each in /proc/[0-9]*/environ; do cat $each; done"
    )
    _, seen = await output(sandbox, "sh", "-c", script)
    await sibling.close()
    assert canary not in seen
    assert "root:" not in seen


@as_root
async def test_a_job_cannot_make_the_worker_follow_its_links(sandbox: HostSandbox) -> None:
    path = sandbox.write_file("out", b"")
    script = f"rm -f {path}; ln -sf /etc/shadow {path}; mv {path} {path}.old; echo done > {path}"
    code, said = await output(sandbox, "sh", "-c", script)
    assert (code, sandbox.read_file(path, 100)) == (0, b"done\n"), said
    await output(sandbox, "sh", "-c", "ln -s /etc/shadow link; ln -s /dev/zero zero")
    for name in ("link", "zero", "missing"):
        with pytest.raises(FileNotFoundError):
            sandbox.open_file(sandbox.paths.workspace / name)


@as_root
async def test_nothing_of_a_job_is_left_for_the_next_one(executor: HostExecutor) -> None:
    sandbox = await executor.open(SandboxRequest("first", MARKER))
    _, said = await output(sandbox, "sh", "-c", "d=$(mktemp -d); echo x > $d/y; mktemp; echo $d")
    left = [Path(path) for path in said.split()]
    assert all(path.exists() for path in left)
    await sandbox.close()
    assert not any(path.exists() for path in left)


@as_root
def test_two_workers_never_share_an_account(tmp_path: Path) -> None:
    first, second = Accounts(tmp_path), Accounts(tmp_path)
    try:
        assert first.take().uid != second.take().uid
    finally:
        first.close()
        second.close()
    again = Accounts(tmp_path)
    assert again.take().uid in range(64000, 64032)
    again.close()


def test_a_path_without_folders_that_only_root_enters(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert passable(f"/usr/bin:{closed}::/no/such:/bin") == "/usr/bin:/bin"


@pytest.mark.parametrize("uid", [0, 1, 999])
def test_accounts_of_the_system_are_never_killed(uid: int) -> None:
    with pytest.raises(ValueError, match="no account of a job"):
        Job("x", uid, "/")


async def test_a_folder_is_copied_in_as_the_jobs_own(sandbox: HostSandbox, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "run.sh").write_text("echo copied\n")
    (source / "sub" / "run.sh").chmod(0o700)
    (source / "link").symlink_to("sub/run.sh")
    await sandbox.copy_in(source, sandbox.paths.workspace)
    assert await output(sandbox, "sh", "link") == (0, "copied\n")
    with pytest.raises(CannotStart, match="cannot be copied"):
        await sandbox.copy_in(tmp_path / "missing", sandbox.paths.workspace)
