"""The shipped fake runs whole jobs without a process."""

import asyncio
from pathlib import Path

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, steps
from workers.executors.base import Command
from workers.executors.dummy import DummyExecutor, Played


def play(command: Command) -> Played:
    script = Path(command.argv[-1]).read_text()
    if "output" in script:
        Path(command.env["GITHUB_OUTPUT"]).write_text("made=here\n")
    if "slow" in script:
        return Played(seconds=600, output=b"begun\n")
    return Played(exit_code=2 if "fail" in script else 0, output=script.encode())


async def test_steps_are_played(tmp_path: Path) -> None:
    bench = Bench(DummyExecutor(tmp_path, play))
    result = await bench.run(steps("output", "fail", "never"))
    assert result.status is JobStatus.FAILURE
    assert bench.store.statuses() == ["success", "failure", "skipped"]
    assert bench.store.text(0) == "output\n"
    assert bench.store.step(0).outputs == {"made": "here"}
    assert bench.store.step(1).exit_code == 2


async def test_a_played_step_can_be_cancelled(tmp_path: Path) -> None:
    bench = Bench(DummyExecutor(tmp_path, play))
    task = bench.start(steps("slow"))
    await bench.store.until("begun")
    bench.cancel.request()
    async with asyncio.timeout(30):
        assert (await task).status is JobStatus.CANCELLED


async def test_a_refused_command_is_the_reason(tmp_path: Path) -> None:
    bench = Bench(DummyExecutor(tmp_path, lambda _: Played(refused="not today")))
    await bench.run(steps("x"))
    assert bench.store.step(0).reason == "not today"
