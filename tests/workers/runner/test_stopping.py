"""Cancel and time-outs: what runs is ended, what must still run does, nothing survives."""

import asyncio
import os
import signal

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import NAP, Bench, steps
from workers.guard_process import MARKER_VARIABLE, processes
from workers.runner.ports import Replaced
from workers.runner.settings import RunnerSettings

HEAD = "on: push\njobs:\n  job:\n    runs-on: host\n    steps:\n"
ESCAPES = """
setsid sleep 600 &
nohup sleep 600 >/dev/null 2>&1 &
( ( sleep 600 & ) & )
env -i /usr/bin/setsid /bin/sleep 600 >/dev/null 2>&1 &
setsid sh -c 'trap "" TERM HUP; sleep 600' >/dev/null 2>&1 &
python3 -c 'import os,time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
time.sleep(600)' 600
echo started
""".replace("600", NAP)


def survivors() -> list[int]:
    """Processes of any job of this test process that still live."""
    return [entry.pid for entry in processes() if not entry.dead and _is_napping(entry.pid)]


def _is_napping(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return NAP.encode() in file.read()
    except OSError:
        return False


async def test_cancel_ends_the_step_and_always_steps_still_run(bench: Bench) -> None:
    task = bench.start(
        HEAD
        + """
      - run: echo ready; sleep NAP
      - run: echo never
      - run: echo "cleanup ${{ job.status }}"
        if: always()
      - run: echo cancelled
        if: cancelled()
      - run: echo never
        if: failure()
"""
    )
    await bench.store.until("ready")
    bench.cancel.request()
    result = await task
    assert result.status is JobStatus.CANCELLED
    assert bench.store.statuses() == ["cancelled", "skipped", "success", "success", "skipped"]
    assert bench.store.text(2) == "cleanup cancelled\n"


async def test_a_step_that_ignores_term_is_killed_after_the_grace(bench: Bench) -> None:
    task = bench.start(steps("trap 'echo heard' TERM; echo ready; while :; do sleep 0.05; done"))
    await bench.store.until("ready")
    bench.cancel.request()
    result = await task
    assert result.status is JobStatus.CANCELLED
    assert "heard" in bench.store.text(0)


async def test_a_second_cancel_kills_at_once_also_while_cleaning_up(bench: Bench) -> None:
    bench.settings = RunnerSettings(grace_s=300)
    text = (
        HEAD
        + """
      - run: echo ready; sleep NAP
      - run: trap '' TERM; echo cleaning; sleep NAP
        if: always()
      - run: echo never
        if: always()
"""
    )
    task = bench.start(text)
    await bench.store.until("ready")
    bench.cancel.request()
    await bench.store.until("cleaning", step=1)
    bench.cancel.request()
    async with asyncio.timeout(30):
        result = await task
    assert result.status is JobStatus.CANCELLED
    assert bench.store.statuses() == ["cancelled", "cancelled", "skipped"]
    assert not survivors()


async def test_an_always_step_that_runs_goes_on_when_the_cancel_comes(bench: Bench) -> None:
    task = bench.start(
        f"{HEAD}      - run: echo ready; sleep 0.5; echo done\n        if: always()\n"
    )
    await bench.store.until("ready")
    bench.cancel.request()
    result = await task
    assert result.status is JobStatus.CANCELLED
    assert bench.store.text(0) == "ready\ndone\n"
    assert bench.store.statuses() == ["success"]


async def test_cleaning_up_has_an_end(bench: Bench) -> None:
    bench.settings = RunnerSettings(grace_s=0.2, cleanup_s=0.5)
    task = bench.start(
        f"{HEAD}      - run: echo ready; sleep NAP\n        if: always()\n"
        "      - run: echo never\n        if: always()\n"
    )
    await bench.store.until("ready")
    bench.cancel.request()
    async with asyncio.timeout(30):
        await task
    assert bench.store.statuses() == ["timed_out", "skipped"]


async def test_a_job_cancelled_before_its_first_step_runs_only_what_always_runs(
    bench: Bench,
) -> None:
    result = await bench.run(
        f"{HEAD}      - run: echo never\n      - run: echo ok\n        if: always()\n",
        cancel_requested=True,
    )
    assert result.status is JobStatus.CANCELLED
    assert bench.store.statuses() == ["skipped", "success"]


async def test_time_out_of_a_step(bench: Bench) -> None:
    result = await bench.run(
        HEAD
        + """
      - run: echo ready; sleep NAP
        id: slow
        timeout-minutes: ${{ 0.005 }}
      - run: echo "${{ steps.slow.outcome }}"
        if: failure()
"""
    )
    assert result.status is JobStatus.FAILURE
    assert bench.store.statuses() == ["timed_out", "success"]
    assert bench.store.text(1) == "failure\n"
    assert "time-out of 0.005 minutes" in (bench.store.step(0).reason or "")


async def test_time_out_of_the_job(bench: Bench) -> None:
    result = await bench.run(
        f"{HEAD}      - run: echo ready; sleep NAP\n      - run: echo never\n"
        "      - run: echo after\n        if: always()\n",
        timeout_s=0.6,
    )
    assert result.status is JobStatus.TIMED_OUT
    assert bench.store.statuses() == ["timed_out", "skipped", "success"]


async def test_nothing_survives_the_job(any_bench: Bench) -> None:
    result = await any_bench.run(steps(ESCAPES))
    assert result.status is JobStatus.SUCCESS
    assert any_bench.store.text(0) == "started\n"
    assert not survivors()


async def test_nothing_survives_a_cancel(any_bench: Bench) -> None:
    task = any_bench.start(steps(f"{ESCAPES}\nsleep NAP"))
    await any_bench.store.until("started")
    any_bench.cancel.request()
    await task
    assert not survivors()


async def test_daemons_of_one_step_serve_the_next(bench: Bench) -> None:
    await bench.run(steps("(sleep 0.3; echo alive > up; sleep NAP) & echo on", "sleep 1; cat up"))
    assert bench.store.text(1) == "alive\n"
    assert not survivors()


async def test_the_output_of_a_noisy_daemon_does_not_hold_the_step(bench: Bench) -> None:
    async with asyncio.timeout(60):
        await bench.run(steps("(while :; do echo noise; done) & echo begun"))
    assert bench.store.statuses() == ["success"]


async def test_a_lost_claim_kills_and_writes_nothing_more(bench: Bench) -> None:
    task = bench.start(steps("echo ready; sleep NAP", "echo never"))
    await bench.store.until("ready")
    before = len(bench.store.updates)
    bench.store.replaced = True
    bench.cancel.request()
    with pytest.raises(Replaced):
        await task
    assert len(bench.store.updates) == before
    assert bench.store.result is None
    assert not survivors()


async def test_a_lost_claim_is_noticed_by_the_log(bench: Bench) -> None:
    task = bench.start(steps("while :; do echo line; sleep 0.05; done"))
    await bench.store.until("line")
    bench.store.replaced = True
    async with asyncio.timeout(30):
        with pytest.raises(Replaced):
            await task


async def test_a_worker_that_shuts_down_hands_the_job_back(bench: Bench) -> None:
    task = bench.start(steps("echo ready; sleep NAP"))
    await bench.store.until("ready")
    bench.cancel.hand_back()
    async with asyncio.timeout(30):
        result = await task
    assert result.handed_back


async def test_an_outage_of_the_store_delays_only_the_report(bench: Bench) -> None:
    bench.store.away = True
    task = bench.start(steps("seq 1000", "echo two"))
    await asyncio.sleep(0.5)
    assert not task.done()
    bench.store.away = False
    result = await task
    assert result.status is JobStatus.SUCCESS
    assert bench.store.step(0).lines == 1000
    assert [line.number for line in bench.store.lines(0)] == list(range(1, 1001))


async def test_a_killed_process_says_by_which_signal(bench: Bench) -> None:
    await bench.run(steps("kill -KILL $$"))
    step = bench.store.step(0)
    assert step.exit_code == 128 + signal.SIGKILL
    assert "SIGKILL" in (step.reason or "")


def test_this_process_has_no_marker() -> None:
    assert MARKER_VARIABLE not in os.environ
