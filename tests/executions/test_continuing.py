"""A worker goes on with a job that the end of its last one has made ready."""

import uuid

import pytest

from app.core.clock import new_id
from app.engine.states import JobStatus
from app.executions import locking, memory
from app.executions.continuing import Continuation
from app.executions.models import Job
from app.executions.repository.moving import MovingRepository
from app.executions.service.claim import Claimed
from tests.executions.conftest import Launch
from tests.executions.driver import Driver

OUTPUTS = """
jobs:
  a: {runs-on: ubuntu-latest, steps: [{run: "true"}], outputs: {v: "${{ steps.s.outputs.v }}"}}
  b:
    needs: a
    runs-on: ubuntu-latest
    steps: [{run: "true"}, {run: "true"}]
"""
CHAIN = """
jobs:
  a: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
  b: {needs: a, runs-on: ubuntu-latest, steps: [{run: "true"}]}
  c: {needs: b, runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""
FORK = """
jobs:
  a: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
  b: {needs: a, runs-on: ubuntu-latest, steps: [{run: "true"}]}
  c: {needs: a, runs-on: [self-hosted, gpu], steps: [{run: "true"}]}
  d: {needs: a, runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""

MEMORY = locking.jobs_of
"""As it is without the comparison that the fixtures of this folder add."""


def continuation(driver: Driver, *queues: str) -> Continuation:
    return Continuation(new_id(), driver.worker_id, 20.0, lambda queue: queue in queues)


async def first(driver: Driver, execution_id: uuid.UUID) -> Claimed:
    claimed = await driver.claim(execution_id, "a")
    assert claimed is not None
    await driver.forget_messages()
    return claimed


async def test_the_next_job_is_claimed_with_the_end_of_the_last(
    launch: Launch, driver: Driver
) -> None:
    claimed = await first(driver, execution := await launch(OUTPUTS))
    going_on = continuation(driver, "high_priority")
    finished = await driver.end(claimed, outputs={"v": "7"}, continuation=going_on)
    assert finished.claimed is not None
    assert (finished.claimed.key, finished.claimed.token) == ("b", going_on.token)
    assert finished.claimed.contexts["needs"]["a"] == {"result": "success", "outputs": {"v": "7"}}
    assert sorted(finished.claimed.steps) == [0, 1]
    assert await driver.messages() == []
    row = (await driver.jobs(execution))["b"]
    assert (row.status, row.worker_id) == (JobStatus.RUNNING, driver.worker_id)
    assert row.lease_until is not None
    assert row.started_at == row.queued_at != None  # noqa: E711  both have a time
    assert await driver.finish(finished.claimed)
    assert (await driver.execution(execution)).status == "success"


async def test_the_history_tells_the_same_as_with_a_message(launch: Launch, driver: Driver) -> None:
    histories = []
    for queues in (("high_priority",), ()):
        claimed = await first(driver, execution := await launch(OUTPUTS))
        finished = await driver.end(claimed, continuation=continuation(driver, *queues))
        following = finished.claimed or await driver.claim(execution, "b")
        assert following is not None
        assert await driver.finish(following)
        events = await driver.events(execution)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        histories.append(
            [
                (event.type, event.cause, event.data.get("key"), event.data["status"])
                for event in events
            ]
        )
    assert histories[0] == histories[1]
    assert ("job.changed", "JobClaimed", "b", "running") in histories[0]


async def test_an_unknown_outcome_is_settled_with_the_same_tokens(
    launch: Launch, driver: Driver
) -> None:
    claimed = await first(driver, await launch(OUTPUTS))
    going_on = continuation(driver, "high_priority")
    once = await driver.end(claimed, continuation=going_on)
    again = await driver.end(claimed, continuation=going_on)
    assert again == once


async def test_only_one_is_claimed_and_the_others_get_messages(
    launch: Launch, driver: Driver
) -> None:
    claimed = await first(driver, execution := await launch(FORK))
    finished = await driver.end(claimed, continuation=continuation(driver, "high_priority"))
    assert finished.claimed is not None
    statuses = await driver.statuses(execution)
    assert statuses == {"a": "success", "b": "running", "c": "queued", "d": "queued"}
    jobs = await driver.jobs(execution)
    assert {message.body["job_id"] for message in await driver.messages()} == {
        str(jobs["c"].id),
        str(jobs["d"].id),
    }


@pytest.mark.parametrize("status", [JobStatus.FAILURE, JobStatus.CANCELLED])
async def test_nothing_follows_a_job_that_did_not_succeed(
    launch: Launch, driver: Driver, status: JobStatus
) -> None:
    claimed = await first(driver, await launch(OUTPUTS))
    finished = await driver.end(claimed, status, continuation=continuation(driver, "high_priority"))
    assert finished == (True, None)


async def test_nothing_follows_where_the_claim_is_lost(launch: Launch, driver: Driver) -> None:
    claimed = await first(driver, execution := await launch(OUTPUTS))
    going_on = continuation(driver, "high_priority")
    assert (await driver.end(claimed, JobStatus.FAILURE)).held
    assert await driver.end(claimed, continuation=going_on) == (False, None)
    assert (await driver.statuses(execution))["b"] == "skipped"


async def test_a_chain_in_one_process_reads_its_jobs_once(
    launch: Launch, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[uuid.UUID] = []
    stored = MovingRepository.jobs

    async def jobs(repository: MovingRepository, execution_id: uuid.UUID) -> list[Job]:
        reads.append(execution_id)
        return await stored(repository, execution_id)

    monkeypatch.setattr(locking, "jobs_of", MEMORY)
    monkeypatch.setattr(MovingRepository, "jobs", jobs)
    claimed = await first(driver, execution := await launch(CHAIN))
    ended = 0
    following: Claimed | None = claimed
    while following is not None:
        ended += 1
        going_on = continuation(driver, "high_priority")
        following = (await driver.end(following, continuation=going_on)).claimed
    assert ended == 3
    assert reads == [execution]


async def test_what_another_process_changed_is_read_anew(launch: Launch, driver: Driver) -> None:
    claimed = await first(driver, execution := await launch(CHAIN))
    going_on = continuation(driver, "high_priority")
    following = (await driver.end(claimed, continuation=going_on)).claimed
    assert following is not None
    remembered = dict(memory.KNOWN)
    await driver.cancel(execution)
    # As in a process that has not seen it.
    memory.KNOWN.update(remembered)
    assert not (await driver.end(following, JobStatus.SUCCESS)).claimed
    statuses = await driver.statuses(execution)
    assert statuses["c"] == "cancelled"
