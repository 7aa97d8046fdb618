"""`on: workflow_run`: the end of an execution starts those that wait for it, each once."""

import uuid
from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app.core.db import Database
from app.engine.states import ExecutionStatus
from app.executions.models import Execution
from app.executions.service import chains
from app.executions.service.cancel import cancel_execution
from app.executions.service.start import Trigger, start_execution
from app.jobs.catalog import FollowRun
from app.jobs.models import OutboxRow
from app.models import Pipeline
from app.projects.models import Project, Role
from tests.fixtures.factories import Factory, SignIn

URL = "http://test"
BUILD = "on: workflow_dispatch\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: make\n"


def follower(rule: str, condition: str = "true") -> str:
    return (
        f"on:\n  workflow_run: {rule}\njobs:\n  a:\n    if: {condition}\n"
        "    runs-on: x\n    steps:\n      - run: make\n"
    )


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project()


async def started(database: Database, pipeline: Pipeline) -> uuid.UUID:
    trigger = Trigger(pipeline.id, ref="refs/heads/main")
    return (await start_execution(database, trigger, server_url=URL)).execution_id


async def ended(database: Database, pipeline: Pipeline) -> FollowRun:
    """An execution of this pipeline that was cancelled."""
    execution_id = await started(database, pipeline)
    await cancel_execution(database, execution_id=execution_id, by="test", max_worker_lost=2)
    return FollowRun(execution_id=execution_id, attempt=1)


async def executions(database: Database, pipeline: Pipeline) -> Sequence[Execution]:
    async with database.read() as session:
        return (
            await session.scalars(select(Execution).where(Execution.pipeline_id == pipeline.id))
        ).all()


async def listens(database: Database, *pipelines: Pipeline) -> None:
    ids = [pipeline.id for pipeline in pipelines]
    async with database.session() as session:
        await session.execute(
            update(Pipeline).where(Pipeline.id.in_(ids)).values(follows_runs=True)
        )


async def messages(database: Database) -> list[str]:
    async with database.read() as session:
        kinds = (await session.scalars(select(OutboxRow.kind))).all()
    return [kind for kind in kinds if kind == FollowRun.wire]


async def test_who_waits_is_started_once_with_what_ended(
    database: Database, make: Factory, project: Project
) -> None:
    build = await make.pipeline(project, source=BUILD)
    waiting = await make.pipeline(
        project,
        source=follower(
            f"{{workflows: ['{build.name}'], types: [completed]}}",
            "github.event.workflow_run.conclusion == 'cancelled'",
        ),
    )
    other = await make.pipeline(project, source=follower("{workflows: [Another]}"))
    elsewhere = await make.pipeline(source=BUILD, project=await make.project())
    await listens(database, waiting, other, elsewhere)
    message = await ended(database, build)
    assert await messages(database) == [FollowRun.wire]
    for _ in range(2):  # messages may come twice
        await chains.follow(database, message)
    [found] = await executions(database, waiting)
    assert found.event == "workflow_run"
    assert found.ref == "refs/heads/main"
    run = found.github["event"]["workflow_run"]
    assert (run["id"], run["conclusion"]) == (str(message.execution_id), "cancelled")
    assert found.status is ExecutionStatus.QUEUED
    assert not await executions(database, other)
    assert not await executions(database, elsewhere)


async def test_filters_of_branches_hold(
    database: Database, make: Factory, project: Project
) -> None:
    build = await make.pipeline(project, source=BUILD)
    rule = f"{{workflows: ['{build.name}'], branches: [release/**]}}"
    waiting = await make.pipeline(project, source=follower(rule))
    await listens(database, waiting)
    await chains.follow(database, await ended(database, build))
    assert not await executions(database, waiting)


async def test_a_circle_ends(database: Database, make: Factory, project: Project) -> None:
    circle = await make.pipeline(project, slug="circle", source=follower("{workflows: [circle]}"))
    await listens(database, circle)
    message = await ended(database, circle)
    for count in range(2, chains.LONGEST_OF_RUNS + 3):
        await chains.follow(database, message)
        newest = max(await executions(database, circle), key=lambda row: row.number)
        expected = min(count, chains.LONGEST_OF_RUNS + 1)
        assert newest.number == expected
        if newest.status is not ExecutionStatus.CANCELLED:
            await cancel_execution(database, execution_id=newest.id, by="test", max_worker_lost=2)
        message = FollowRun(execution_id=newest.id, attempt=1)


async def test_nothing_is_sent_where_nobody_waits(
    database: Database, make: Factory, project: Project
) -> None:
    await ended(database, await make.pipeline(project, source=BUILD))
    assert not await messages(database)


async def test_saving_a_version_says_whether_it_waits(
    application: FastAPI, database: Database, make: Factory, sign_in: SignIn
) -> None:
    alice = await make.user()
    project = await make.project(members={Role.OWNER: alice})
    client = await sign_in(alice)
    waits = follower("{workflows: [Build]}")
    made = await client.post(
        f"/api/v1/projects/{project.id}/pipelines", json={"slug": "deploy", "source": waits}
    )
    assert made.status_code == 201, made.text
    pipeline = made.json()["id"]

    async def follows() -> bool:
        async with database.read() as session:
            return bool(
                await session.scalar(
                    select(Pipeline.follows_runs).where(Pipeline.id == uuid.UUID(pipeline))
                )
            )

    assert await follows()
    saved = await client.post(f"/api/v1/pipelines/{pipeline}/versions", json={"source": BUILD})
    assert saved.status_code == 200, saved.text
    assert not await follows()
    await client.post(f"/api/v1/pipelines/{pipeline}/rollback", json={"number": 1})
    assert await follows()
