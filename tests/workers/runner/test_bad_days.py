"""A full disk, secrets that cannot be masked, a missing account: the worker lives and says why."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, steps
from workers.executors.host import HostExecutor

HEAD = "on: push\njobs:\n  job:\n    runs-on: host\n    steps:\n"


@pytest.fixture
def small_disk(work_root: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = work_root / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=711", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(argv, check=False).returncode != 0:  # noqa: S603
        pytest.skip("this account may not mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


async def test_a_full_disk_ends_the_steps_with_a_reason_and_keeps_the_log(small_disk: Path) -> None:
    executor = HostExecutor(small_disk)
    bench = Bench(executor)
    result = await bench.run(
        HEAD
        + """
      - run: |
          echo before
          head -c 10000000 /dev/zero > big || echo full; exit 1
      - run: 'echo cannot be written # LONG'
        if: always()
      - run: rm -f big
        if: always()
""".replace("LONG", "x" * 20_000)
    )
    assert bench.store.statuses() == ["failure", "failure", "success"]
    assert result.status is JobStatus.FAILURE
    assert bench.store.text(0).startswith("before\n")
    assert "No space left on device" in bench.store.text(0)
    assert "No space left on device" in (bench.store.step(1).reason or "")
    assert os.listdir(small_disk) == ["spool"]
    again = Bench(executor)
    assert (await again.run(steps("echo fine"))).status is JobStatus.SUCCESS
    executor.close()


async def test_a_disk_that_is_full_from_the_beginning(small_disk: Path) -> None:
    executor = HostExecutor(small_disk)
    assert executor.spool_folder.is_dir()
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(4 << 20))
    bench = Bench(executor)
    result = await bench.run(steps("echo no"))
    assert result.status is JobStatus.FAILURE
    assert "No space left on device" in (result.reason or "")
    executor.close()


async def test_short_secrets_are_told(bench: Bench) -> None:
    result = await bench.run(steps("echo ab"), secrets={"TINY": "ab", "EMPTY": "", "FINE": "abc"})
    assert [note.message for note in result.annotations] == [
        "The secret TINY has less than 3 characters in a line and is not masked in logs."
    ]


async def test_too_many_jobs_at_once_say_so(bench: Bench, executor: HostExecutor) -> None:
    if executor.accounts is None:
        pytest.skip("only root gives jobs accounts")
    while executor.accounts.left:
        executor.accounts.take()
    result = await bench.run(steps("echo no"))
    assert result.status is JobStatus.FAILURE
    assert "accounts of this worker are in use" in (result.reason or "")


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ('run: \'echo "$A"\'\n        env: {A: "a\\0b"}', "cannot be passed on"),
        ("run: echo ${{ fromJSON('\"\\ud800\"') }}", None),
        ("run: 'true'\n        name: ${{ fromJSON('\"\\ud800\"') }}", None),
        ("run: 'true'\n        name: " + "n" * 3000, None),
        ("run: 'head -c 2000000 /dev/zero | tr \"\\0\" x | sed s/^/a=/ > $GITHUB_OUTPUT'", "1 MiB"),
        ("run: 'echo ::set-output name=a::$(head -c 900000 /dev/zero | tr \"\\0\" x)'", None),
    ],
)
async def test_texts_that_cannot_be_stored_are_made_fit(
    bench: Bench, step: str, reason: str | None
) -> None:
    await bench.run(f"{HEAD}      - {step}\n")
    last = bench.store.step(0)
    assert (last.status == "failure") is (reason is not None)
    assert (reason or "") in (last.reason or "")
    assert len(last.name) <= 500
    repr(bench.store.updates).encode()
    assert not any(0xD800 <= ord(character) < 0xE000 for character in last.name)


async def test_a_job_that_lacks_what_it_was_to_be_given_fails_and_runs_nothing(
    bench: Bench,
) -> None:
    result = await bench.run(steps("echo ran"), unusable="The secret TOKEN cannot be decrypted.")
    assert result.status is JobStatus.FAILURE
    assert result.reason == "The secret TOKEN cannot be decrypted."
    assert not bench.store.chunks
