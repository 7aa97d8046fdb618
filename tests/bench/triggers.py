"""What a trigger writes, and lists over many rows."""

import secrets
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from sqlalchemy import event, insert, select

from app.auth.principals import SYSTEM
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.core.pagination import PageParams
from app.executions.models import Execution
from app.executions.service.reading import list_executions
from app.executions.service.start import Trigger, start_execution
from app.pipelines.models import PipelineVersion
from tests.bench.figures import Figure, percentile
from tests.bench.servers import fresh_database
from tests.fixtures.factories import Factory

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


async def trigger() -> AsyncIterator[Figure]:
    """Statements of one trigger, for 1 and for 250 jobs."""
    async with fresh_database() as database:
        make = Factory(database)
        user = await make.user()
        project = await make.project()
        counts = []
        for jobs in (1, 250):
            source = "on: workflow_dispatch\njobs:\n" + "".join(
                f"  j{number}: {{runs-on: ubuntu-latest, steps: [{{run: 'true'}}]}}\n"
                for number in range(jobs)
            )
            pipeline = await make.pipeline(project, source=source)
            start = Trigger(
                pipeline_id=pipeline.id,
                user_id=user.id,
                idempotency_key=secrets.token_hex(8),
                digest="x",
            )
            await _count(database, replace(start, idempotency_key=secrets.token_hex(8)))
            counts.append(await _count(database, start))
        (writes, statements), (many_writes, many_statements) = counts
        yield Figure("trigger: writes", writes, "statements", 8, at_least=False)
        yield Figure("trigger: statements in all", statements, "statements", 14, at_least=False)
        yield Figure(
            "trigger: more statements for 250 jobs than for 1",
            many_statements - statements + many_writes - writes,
            "statements",
            0,
            at_least=False,
        )


async def _count(database: Database, start: Trigger) -> tuple[int, int]:
    seen: list[str] = []

    def record(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement.lstrip().upper())

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", record)
    try:
        await start_execution(database, start, server_url="http://bench")
    finally:
        event.remove(engine, "before_cursor_execute", record)
    return sum(text.startswith(_WRITES) for text in seen), len(seen)


async def listing() -> AsyncIterator[Figure]:
    """The first page of executions at 1,000 and at 100,000 rows."""
    async with fresh_database() as database:
        make = Factory(database)
        project = await make.project()
        pipeline = await make.pipeline(project)
        version_id = await _version_id(database, pipeline.id)
        template = {
            "project_id": project.id,
            "pipeline_id": pipeline.id,
            "version_id": version_id,
            "attempt": 1,
            "status": "success",
            "title": "bench",
            "event": "push",
            "github": {},
            "vars": {},
            "inputs": {},
            "actor": "bench",
            "priority": "high",
            "cancel_requested": False,
            "cancel_in_progress": False,
            "seq": 1,
        }
        p95 = []
        number = 0
        for rows in (1_000, 100_000):
            while number < rows:
                batch = []
                for _ in range(min(2_000, rows - number)):
                    number += 1
                    batch.append(
                        {**template, "id": new_id(), "number": number, "created_at": utcnow()}
                    )
                async with database.session() as session:
                    await session.execute(insert(Execution), batch)
            p95.append(await _p95(database))
        yield Figure(
            "listing executions: p95 at 100,000 rows / at 1,000",
            p95[1] / p95[0],
            "ratio",
            1.3,
            at_least=False,
            note=f"{p95[1] * 1000:.1f} ms",
        )


async def _version_id(database: Database, pipeline_id: uuid.UUID) -> uuid.UUID:
    async with database.read() as session:
        return (
            await session.execute(
                select(PipelineVersion.id).where(PipelineVersion.pipeline_id == pipeline_id)
            )
        ).scalar_one()


async def _p95(database: Database) -> float:
    times = []
    for number in range(220):
        started = time.perf_counter()
        async with database.read() as session:
            found = await list_executions(session, principal=SYSTEM, page=PageParams(limit=50))
        assert len(found.items) == 50
        if number >= 20:
            times.append(time.perf_counter() - started)
    return percentile(times, 0.95)
