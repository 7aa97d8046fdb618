"""Messages are lost, doubled, late, or their broker is away: every job runs, and once."""

import asyncio
import json
from typing import Any

import aio_pika
import httpx
import pytest

from app.core.clock import new_id
from tests.e2e.chaos.stage import PATIENCE_S, Stage, pipeline, purge, waiting
from tests.polling import until_true

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.chaos,
    pytest.mark.timeout(400),
]

ONE_OF_MANY = """
work:
  runs-on: ubuntu-latest
  strategy: {matrix: {number: NUMBERS}}
  steps:
    - run: BODY
"""
TELL = 'echo ${{ matrix.number }} >> "$ROOM/story"'


def many(count: int, body: str = TELL) -> str:
    """A job with so many combinations."""
    return ONE_OF_MANY.replace("NUMBERS", str(list(range(count)))).replace("BODY", body)


def each_once(count: int) -> list[str]:
    return sorted(str(number) for number in range(count))


async def publish_again(stage: Stage, detail: dict[str, Any], times: int) -> int:
    """Send the message of every job of this execution so often; returns how many were sent."""
    jobs = [job for job in detail["jobs"] if job["kind"] == "job"]
    async with await aio_pika.connect(stage.servers.broker.url) as connection:
        exchange = (await connection.channel()).default_exchange
        messages = [
            aio_pika.Message(_run_job(stage.queue, job)) for _ in range(times) for job in jobs
        ]
        await asyncio.gather(*(exchange.publish(one, stage.queue) for one in messages))
    return len(messages)


def _run_job(queue: str, job: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "queue_name": queue,
            "actor_name": "job.run",
            "args": [],
            "kwargs": {"job_id": job["id"], "attempt": job["attempt"]},
            "options": {},
            "message_id": str(new_id()),
            "message_timestamp": 0,
        }
    ).encode()


async def test_a_purged_queue_and_a_thousand_duplicates_with_two_of_everything(
    stage: Stage,
) -> None:
    purged, doubled, url = stage.room(), stage.room(), stage.servers.broker.url
    system, other = stage.system, stage.other_server
    forgotten = await system.trigger(
        await system.pipeline(pipeline(many(100), ROOM=str(purged.folder)))
    )
    await until_true(lambda: _holds(url, stage.queue, 100), within_s=PATIENCE_S)
    assert await purge(url, stage.queue) >= 100
    repeated = await other.trigger(
        await other.pipeline(pipeline(many(20), ROOM=str(doubled.folder)))
    )
    assert await publish_again(stage, await system.detail(repeated), 50) == 1000
    for _ in range(2):
        stage.worker()
    for execution_id, room, count in ((repeated, doubled, 20), (forgotten, purged, 100)):
        detail = await system.ended(execution_id, within_s=PATIENCE_S)
        assert detail["status"] == "success"
        assert {job["attempt"] for job in detail["jobs"]} == {1}
        assert sorted(room.story) == each_once(count)
    # What was doubled is answered, too: nothing comes round again and again.
    await until_true(lambda: _is_empty(url, stage.queue), within_s=PATIENCE_S)


async def _holds(url: str, queue: str, count: int) -> bool:
    return await waiting(url, queue) >= count


async def _is_empty(url: str, queue: str) -> bool:
    return await waiting(url, queue) == 0


async def test_cut_connections_lose_and_double_nothing(stage: Stage) -> None:
    room, system = stage.room(), stage.system
    await stage.until_registered(*(stage.worker(concurrency=2) for _ in range(2)))
    body = f"{TELL}; sleep 0.5"
    source = pipeline(many(16, body), ROOM=str(room.folder))
    execution_id = await system.trigger(await system.pipeline(source))
    for told in (2, 6):
        await room.until_lines(told)
        await asyncio.to_thread(
            stage.servers.broker.control, "close_all_connections", "cut by a test"
        )
    detail = await system.ended(execution_id, within_s=PATIENCE_S)
    assert detail["status"] == "success"
    assert {job["attempt"] for job in detail["jobs"]} == {1}
    assert sorted(room.story) == each_once(16)


async def test_without_a_broker_triggers_are_accepted_and_run_later(stage: Stage) -> None:
    room, system, broker = stage.room(), stage.system, stage.servers.broker
    pipeline_id = await system.pipeline(pipeline(many(2), ROOM=str(room.folder)))
    # Committed, and in the middle of its publication.
    broker.pause()
    interrupted = await system.trigger(pipeline_id)
    system.processes["server"].kill()
    await asyncio.to_thread(broker.kill)
    system.processes["server"].start()
    await system.serving()
    accepted = await system.trigger(pipeline_id)
    async with httpx.AsyncClient(base_url=system.url) as client:
        assert (await client.get("/health/ready")).status_code == 200
        health = (await client.get("/health/detailed")).json()
    assert health["status"] == "degraded"
    assert health["components"]["queues"]["status"] != "ok"
    assert health["components"]["queues"]["detail"]
    stage.worker()
    await asyncio.to_thread(broker.start)
    for execution_id in (interrupted, accepted):
        detail = await system.ended(execution_id, within_s=PATIENCE_S)
        assert detail["status"] == "success"
        assert {job["attempt"] for job in detail["jobs"]} == {1}
    assert sorted(room.story) == sorted([*each_once(2), *each_once(2)])
