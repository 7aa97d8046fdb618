"""Merging keeps every byte and every line time."""

import asyncio

import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.core.log_chunks import lines_of
from app.engine.states import StepStatus
from app.logs.models import LogChunk
from app.logs.service import merge
from app.logs.service.merge import merge_job, merge_step
from tests.logs.conftest import LogFactory, LoggedStep


async def chunks(database: Database, step: LoggedStep) -> list[LogChunk]:
    async with database.read() as session:
        rows = await session.scalars(
            select(LogChunk).where(LogChunk.step_id == step.id).order_by(LogChunk.number)
        )
        return list(rows)


async def written(logged: LogFactory, *, count: int = 7) -> LoggedStep:
    step = await logged.step(await logged.job(await logged.execution()))
    for number in range(count):
        await step.write(f"{number} a", f"{number} b", continued=[1] if number == 2 else [])
    return step


async def test_one_chunk_holds_what_many_held(logged: LogFactory, database: Database) -> None:
    step = await written(logged)
    before = [
        line
        for row in await chunks(database, step)
        for line in lines_of(row.data, row.times, row.first_line)
    ]
    text = await step.stored()
    await step.end()
    assert await merge_step(database, step.id) == 6
    (row,) = await chunks(database, step)
    assert (row.number, row.first_line, row.line_count) == (1, 1, 14)
    assert lines_of(row.data, row.times, 1) == before
    step.chunks = 1
    assert await step.stored() == text
    assert await merge_step(database, step.id) == 0


async def test_chunks_are_merged_up_to_the_target_size(
    logged: LogFactory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = await written(logged)
    await step.end()
    monkeypatch.setattr(merge, "TARGET_BYTES", 20)
    await merge_step(database, step.id)
    rows = await chunks(database, step)
    assert [row.number for row in rows] == [1, 3, 5, 7]
    assert [row.first_line for row in rows] == [1, 5, 9, 13]
    assert all(row.raw_bytes <= 20 for row in rows)


async def test_a_gap_is_not_merged_over(logged: LogFactory, database: Database) -> None:
    step = await written(logged, count=2)
    step.lines += 1
    await step.write("after the gap")
    await merge_step(database, step.id)
    assert [row.first_line for row in await chunks(database, step)] == [1, 6]


async def test_two_workers_that_merge_at_once_lose_nothing(
    logged: LogFactory, database: Database
) -> None:
    step = await written(logged)
    text = await step.stored()
    await step.end()
    await asyncio.gather(*[merge_step(database, step.id) for _ in range(3)])
    step.chunks = 1
    assert await step.stored() == text
    assert len(await chunks(database, step)) == 1


async def test_of_a_job_only_ended_steps_are_merged(logged: LogFactory, database: Database) -> None:
    job = await logged.job(await logged.execution())
    ended, running = await logged.step(job, 0), await logged.step(job, 1)
    for step in (ended, running):
        await step.write("one")
        await step.write("two")
    await ended.end(StepStatus.FAILURE)
    assert await merge_job(database, job_id=job.id, attempt=1) == 1
    assert len(await chunks(database, ended)) == 1
    async with database.read() as session:
        count = select(func.count()).where(LogChunk.step_id == running.id)
        assert await session.scalar(count) == 2
