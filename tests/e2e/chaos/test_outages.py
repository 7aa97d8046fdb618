"""Redis or the database goes away while jobs run: they go on."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from app.auth.passwords import hash_password
from tests.e2e.chaos.stage import LEASE_S, PATIENCE_S, Stage, numbers, pipeline
from tests.fixtures.factories import Factory

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.chaos,
    pytest.mark.timeout(400),
]

# Prints numbers until it may go on, then how many there were.
COUNTS = """
work:
  runs-on: ubuntu-latest
  strategy: {matrix: {number: NUMBERS}}
  steps:
    - run: |
        echo started >> "$ROOM/story"
        number=0
        while [ ! -e "$ROOM/go" ]; do
          number=$((number + 1))
          echo $number
          sleep 0.3
        done
        echo $number > "$RUNNER_TEMP/count"
    - run: cat "$RUNNER_TEMP/count"
"""


def counting(count: int) -> str:
    """A job with so many combinations, which print until they are let go."""
    return COUNTS.replace("NUMBERS", str(list(range(count))))


async def logs_are_whole(stage: Stage, detail: dict[str, Any]) -> None:
    """Every job ended in its first attempt, and its log has every line once."""
    assert detail["status"] == "success", (detail, stage.system.output())
    for job in (job for job in detail["jobs"] if job["kind"] == "job"):
        assert job["attempt"] == 1
        printed, told = job["steps"]
        text = await stage.system.log(printed["id"])
        assert text == numbers(1, int(await stage.system.log(told["id"])))
        assert printed["complete"] is True
        assert printed["sha256"] == hashlib.sha256(text.encode()).hexdigest()


async def test_the_database_away_for_longer_than_the_lease(stage: Stage) -> None:
    room, system, database = stage.room(), stage.system, stage.servers.database
    for _ in range(2):
        stage.worker(concurrency=10)
    pipeline_id = await system.pipeline(pipeline(counting(20), ROOM=str(room.folder)))
    execution_id = await system.trigger(pipeline_id)
    await room.until_told("started", times=20)
    database.kill()
    away = asyncio.create_task(asyncio.sleep(LEASE_S * 1.5))
    async with system.client() as client:
        for _ in range(2):
            answer = await client.post(f"/pipelines/{pipeline_id}/executions", json={})
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"] == "application/problem+json"
    async with httpx.AsyncClient(base_url=system.url) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
    await away
    await asyncio.to_thread(database.start)
    # What the schedulers do first must not be to take the jobs of workers that are well.
    await system.serving()
    await asyncio.sleep(LEASE_S / 2)
    room.let_go()
    await logs_are_whole(stage, await system.ended(execution_id, within_s=PATIENCE_S))
    assert room.story == ["started"] * 20


async def next_frame(socket: ClientConnection, *types: str) -> dict[str, Any]:
    """The next frame of one of these types."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            frame: dict[str, Any] = json.loads(await socket.recv())
            if frame["type"] in types:
                return frame


async def log_in(stage: Stage, client: httpx.AsyncClient) -> None:
    """As a browser does: a session cookie."""
    database = stage.system.open_database()
    password = "correct horse battery"  # noqa: S105  of this test
    make = Factory(database)
    name = f"user-{stage.room().folder.name.strip('_')}".replace("_", "-").rstrip("-")
    await make.user(name, password_hash=await hash_password(password))
    await database.close()
    answer = await client.post("/auth/login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text


async def test_redis_away_during_a_run(stage: Stage) -> None:
    room, system, redis = stage.room(), stage.system, stage.servers.redis
    stage.worker()
    execution_id = await system.trigger(
        await system.pipeline(pipeline(counting(2), ROOM=str(room.folder)))
    )
    await room.until_told("started", times=2)
    socket = await connect(
        f"ws://127.0.0.1:{system.port}/ws/executions/{execution_id}",
        additional_headers={"Authorization": f"Bearer {system.token}"},
        proxy=None,
    )
    browser = httpx.AsyncClient(base_url=f"{system.url}/api/v1", timeout=30)
    async with socket, browser:
        await next_frame(socket, "execution.snapshot")
        await log_in(stage, browser)
        redis.kill()
        for _ in range(2):
            assert (await browser.get("/users/me")).status_code == 200
        # All of it without Redis: a new pipeline, its trigger, its run.
        meanwhile = await system.run("steps:\n  - run: echo meanwhile\n")
        assert meanwhile["status"] == "success"
        redis.start()
        assert (await browser.get("/users/me")).status_code == 200
        room.let_go()
        seqs: list[int] = []
        while True:
            frame = await next_frame(socket, "job.changed", "execution.changed")
            seqs.append(frame["seq"])
            if frame["type"] == "execution.changed" and frame["data"].get("status") == "success":
                break
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    await logs_are_whole(stage, await system.ended(execution_id, within_s=PATIENCE_S))
