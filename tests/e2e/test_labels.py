"""A job that asks for a label waits, and says so, until a worker has it."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import MODES, running
from tests.e2e.system import System
from tests.e2e.test_executions import by_key
from tests.polling import until_true

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("labels"),
    pytest.mark.timeout(300),
]

SOURCE = """
on: workflow_dispatch
jobs:
  special:
    runs-on: [self-hosted, Gpu]
    steps: [{run: echo special}]
  plain:
    runs-on: ubuntu-latest
    steps: [{run: echo plain}]
"""


@pytest_asyncio.fixture(loop_scope="session", params=MODES)
async def unlabelled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A running AnsFlow in each mode whose workers have no labels."""
    folder = tmp_path_factory.mktemp(request.param)
    async with running(request.param, request, folder) as started:
        yield started


async def has_ended(system: System, execution_id: str, key: str) -> bool:
    return bool(by_key(await system.detail(execution_id))[key]["finished_at"])


async def queued_jobs(system: System) -> list[dict[str, Any]]:
    async with system.client() as client:
        items: list[dict[str, Any]] = (await client.get("/queue")).json()["items"]
        return items


async def give_labels(system: System, labels: str) -> None:
    """Have a worker with these labels: one more, or the one that there is."""
    if system.kind == "distributed":
        system.spawn("labelled", "worker", "--queues", "high", "--labels", labels)
        return
    await asyncio.to_thread(system.processes["server"].stop)
    system.spawn("server", "up", "--no-examples", "--labels", labels)
    await system.serving()


async def test_a_job_waits_for_a_worker_with_its_labels(unlabelled: System) -> None:
    system = unlabelled
    pipeline_id = await system.pipeline(SOURCE)
    waiting, cancelled = [await system.trigger(pipeline_id) for _ in range(2)]
    for execution_id in (waiting, cancelled):
        await until_true(partial(has_ended, system, execution_id, "plain"), within_s=60)
        special = by_key(await system.detail(execution_id))["special"]
        assert special["status"] == "queued"
        assert "no worker with the labels gpu is online" in special["why"]
        assert "--labels" in special["why"]
    assert [job["has_worker"] for job in await queued_jobs(system)] == [False, False]
    await system.cancel(cancelled)
    assert (await system.ended(cancelled))["status"] == "cancelled"
    await give_labels(system, "linux, GPU")
    for execution_id in (waiting, await system.trigger(pipeline_id)):
        detail = await system.ended(execution_id)
        assert detail["status"] == "success"
        (step,) = by_key(detail)["special"]["steps"]
        assert await system.log(step["id"]) == "special\n"
    assert (await system.detail(cancelled))["status"] == "cancelled"
