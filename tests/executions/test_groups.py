"""Concurrency groups: at most one holder, waiters in order, none lost."""

import uuid

import pytest

from app.engine.states import ExecutionStatus, JobStatus
from app.executions.service import gates
from app.executions.service.rerun import rerun_execution
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory

WHOLE = """
on: workflow_dispatch
concurrency: {group: deploy, cancel-in-progress: %s}
jobs:
  one: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""
BY_JOB = """
on: workflow_dispatch
jobs:
  one:
    runs-on: ubuntu-latest
    concurrency: {group: Deploy, cancel-in-progress: %s}
    steps: [{run: "true"}]
"""


async def three(driver: Driver, make: Factory, source: str) -> list[uuid.UUID]:
    pipeline = await make.pipeline(await make.project(), source=source)
    started = []
    for _ in range(3):
        started.append(await driver.start(pipeline.id))
        await driver.deliver()
    return started


@pytest.mark.parametrize("source", [WHOLE % "false", BY_JOB % "false"], ids=["whole", "job"])
async def test_one_runs_and_the_others_wait_in_order(
    driver: Driver, make: Factory, source: str
) -> None:
    executions = await three(driver, make, source)
    for position, execution_id in enumerate(executions):
        await driver.deliver()
        claimed = [await driver.claim(one, "one") for one in executions]
        assert [one is not None for one in claimed] == [
            index == position for index in range(len(executions))
        ]
        holder = claimed[position]
        assert holder is not None
        assert holder.execution_id == execution_id
        assert holder.has_group
        assert await driver.finish(holder)
    await driver.deliver()
    for execution_id in executions:
        assert (await driver.execution(execution_id)).status == ExecutionStatus.SUCCESS


@pytest.mark.parametrize("source", [WHOLE % "true", BY_JOB % "true"], ids=["whole", "job"])
async def test_a_newcomer_cancels_the_holder_and_older_waiters(
    driver: Driver, make: Factory, source: str
) -> None:
    first, second, third = await three(driver, make, source)
    await driver.deliver()
    assert (await driver.execution(first)).status == ExecutionStatus.CANCELLED
    assert (await driver.execution(second)).status == ExecutionStatus.CANCELLED
    await driver.run(third, "one")
    assert (await driver.execution(third)).status == ExecutionStatus.SUCCESS


async def test_a_waiting_execution_says_what_it_waits_for(driver: Driver, make: Factory) -> None:
    _, second, _ = await three(driver, make, WHOLE % "false")
    execution = await driver.execution(second)
    assert execution.status == ExecutionStatus.WAITING
    assert execution.reason == "waits for its concurrency group `deploy` (line 3)"


async def test_the_sweep_admits_when_the_release_was_lost(driver: Driver, make: Factory) -> None:
    first, second, _ = await three(driver, make, WHOLE % "false")
    await driver.run(first, "one")
    assert await gates.admit_stuck(driver.database, max_worker_lost=2) == 1
    await driver.run(second, "one")


async def test_a_cancelled_waiter_leaves_the_queue(driver: Driver, make: Factory) -> None:
    first, second, third = await three(driver, make, WHOLE % "false")
    await driver.cancel(second)
    await driver.run(first, "one")
    await driver.deliver()
    await driver.run(third, "one")
    assert (await driver.execution(second)).status == ExecutionStatus.CANCELLED


async def test_a_rerun_waits_behind_the_holder(driver: Driver, make: Factory) -> None:
    first, second, third = await three(driver, make, WHOLE % "false")
    await driver.run(first, "one", JobStatus.FAILURE)
    await driver.deliver()
    await rerun_execution(driver.database, execution_id=first, what="all", max_worker_lost=2)
    assert await driver.claim(first, "one") is None
    for execution_id in (second, third, first):
        await driver.deliver()
        await driver.run(execution_id, "one")
    assert (await driver.execution(first)).status == ExecutionStatus.SUCCESS
