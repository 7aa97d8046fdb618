"""Every file of `tests/workflows` on both modes, over HTTP."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.db import Database
from app.executions.service.start import start_execution
from tests.e2e.system import ENDED, System
from tests.workflows.cases import Case, open_site, paths, read
from tests.workflows.checking import Outcome, complaints
from tests.workflows.local import is_at, trigger_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

AT_ONCE = 12
"""So many files are followed side by side: enough for the workers, and not too many questions."""


async def save(client: httpx.AsyncClient, system: System, case: Case) -> str:
    """A pipeline with the file and those that it calls; its id."""
    answer = await client.post(
        f"/projects/{system.project_id}/pipelines",
        json={
            "slug": f"file-{case.name}",
            "name": case.definition.name or case.name,
            "source": case.source,
            "files": dict(case.files),
        },
    )
    assert answer.status_code == 201, f"{case.name}: {answer.text}"
    pipeline_id: str = answer.json()["id"]
    return pipeline_id


async def start(
    client: httpx.AsyncClient, database: Database, case: Case, pipeline_id: str, site: Path
) -> str:
    """Start it over HTTP, or as a trigger does where it is more than a manual start; its id."""
    if case.needs_more_than_http:
        trigger = trigger_of(case, UUID(pipeline_id), site, workdir=None)
        started = await start_execution(database, trigger, server_url=str(client.base_url))
        return str(started.execution_id)
    body = {"inputs": case.inputs(site), "ref": case.trigger["ref"], "sha": case.trigger["sha"]}
    answer = await client.post(f"/pipelines/{pipeline_id}/executions", json=body)
    assert answer.status_code == 202, f"{case.name}: {answer.text}"
    execution_id: str = answer.json()["id"]
    return execution_id


async def ended(client: httpx.AsyncClient, case: Case, execution_id: str) -> dict[str, Any]:
    """The details once it ended; cancelled on the way when the file says so."""
    is_cancelled = case.trigger["cancel"] is None
    while True:
        answer = await client.get(f"/executions/{execution_id}")
        assert answer.status_code == 200, f"{case.name}: {answer.text}"
        detail: dict[str, Any] = answer.json()
        if detail["status"] in ENDED:
            return detail
        if not is_cancelled and is_at(case.trigger["cancel"], detail):
            is_cancelled = True
            await client.post(f"/executions/{execution_id}/cancel")
        await asyncio.sleep(0.25)


async def outcome_of(client: httpx.AsyncClient, detail: dict[str, Any]) -> Outcome:
    """What the API shows of it."""
    logs = {}
    for job in detail["jobs"]:
        for step in job["steps"]:
            if step["lines"]:
                logs[step["id"]] = (await client.get(f"/steps/{step['id']}/logs.txt")).text
    events = await client.get(f"/executions/{detail['id']}/events", params={"limit": 1000})
    return Outcome(detail, logs, events.json())


@pytest.mark.timeout(300)
async def test_every_file_does_what_it_says(system: System) -> None:
    # Only `ansflow run` can be given secrets.
    cases = [case for case in map(read, paths()) if not case.trigger["secrets"]]
    database = system.open_database()
    turns = asyncio.Semaphore(AT_ONCE)

    async def run(client: httpx.AsyncClient, case: Case, site: Path) -> list[str]:
        async with turns:
            execution_id = await start(
                client, database, case, await save(client, system, case), site
            )
            try:
                async with asyncio.timeout(200):
                    detail = await ended(client, case, execution_id)
            except TimeoutError:
                return [f"{case.name} has not ended: {await system.detail(execution_id)}"]
            outcome = await outcome_of(client, detail)
        return [f"{case.name}: {found}" for found in complaints(case, outcome)]

    try:
        with open_site() as site:
            async with system.client() as client:
                found = await asyncio.gather(*(run(client, case, site) for case in cases))
    finally:
        await database.close()
    wrong = [complaint for complaints_of_one in found for complaint in complaints_of_one]
    assert not wrong, "\n".join(wrong)
