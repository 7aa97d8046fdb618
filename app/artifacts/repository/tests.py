"""Results of tests: written by attempt, read by execution and by test."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, or_, select

from app.artifacts.models import TestCase
from app.artifacts.states import FAILED, FLAKY
from app.core.pagination import PageParams
from app.core.repository import Repository
from app.executions.models import Execution, Job

LOOK_BACK = 1000
"""An execution is compared with the last so many of its pipeline at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test ended in one attempt of a job."""

    identity: bytes
    execution_id: uuid.UUID
    attempt: int
    status: str
    flaky: bool


@dataclass(frozen=True, slots=True)
class PastRun:
    """A test in one execution, with what one wants to know of it."""

    id: uuid.UUID
    execution_id: uuid.UUID
    number: int
    ref: str | None
    sha: str | None
    job_id: uuid.UUID
    attempt: int
    status: str
    duration_s: float | None
    flaky: bool
    message: str | None
    at: datetime


class TestRepository(Repository):
    """Lists are of the current attempts of jobs."""

    async def hold(self, job_id: uuid.UUID, token: uuid.UUID) -> bool:
        """Whether this claim holds the job; it then does so until the transaction ends."""
        statement = select(Job.id).where(Job.id == job_id, Job.claim_token == token)
        return await self.session.scalar(statement.with_for_update()) is not None

    async def replace(
        self, job_id: uuid.UUID, attempt: int, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """These are the results of this attempt."""
        await self.session.execute(
            delete(TestCase)
            .where(TestCase.job_id == job_id, TestCase.attempt == attempt)
            .execution_options(synchronize_session=False)
        )
        if rows:
            await self.session.execute(insert(TestCase), list(rows))

    async def counts(self, execution_id: uuid.UUID) -> tuple[Mapping[str, int], float]:
        """How many tests ended how, and the seconds of all of them."""
        statement = (
            select(TestCase.status, func.count(), func.coalesce(func.sum(TestCase.duration_s), 0.0))
            .where(_current(execution_id))
            .group_by(TestCase.status)
        )
        counts, seconds = {}, 0.0
        for status, count, duration_s in await self.session.execute(statement):
            counts[status] = count
            seconds += float(duration_s or 0.0)
        return counts, seconds

    async def list(
        self,
        execution_id: uuid.UUID,
        params: PageParams,
        *,
        statuses: Collection[str],
        job_id: uuid.UUID | None,
    ) -> tuple[Sequence[TestCase], str | None]:
        """What failed first, then in the order of the reports."""
        statement = select(TestCase).where(_current(execution_id))
        if statuses:
            statement = statement.where(TestCase.status.in_(statuses))
        if job_id is not None:
            statement = statement.where(TestCase.job_id == job_id)
        if params.after is not None:
            after = await self.session.get(TestCase, params.after)
            if after is None:
                return [], None
            beyond = and_(TestCase.rank == after.rank, TestCase.id > after.id)
            statement = statement.where(or_(TestCase.rank > after.rank, beyond))
        ordered = statement.order_by(TestCase.rank, TestCase.id).limit(params.limit + 1)
        rows = (await self.session.scalars(ordered)).all()
        items = rows[: params.limit]
        return items, str(items[-1].id) if len(rows) > params.limit else None

    async def earlier(self, execution: Execution, limit: int) -> Sequence[uuid.UUID]:
        """The executions of the same pipeline and ref before this one that have tests, the last
        one first."""
        # A bounded look back, so that a rare ref in a long history costs no more than others.
        same = (
            select(Execution.id, Execution.number)
            .where(
                Execution.pipeline_id == execution.pipeline_id,
                Execution.number.between(execution.number - LOOK_BACK, execution.number - 1),
                Execution.ref.is_not_distinct_from(execution.ref),
            )
            .order_by(Execution.number.desc())
            .limit(limit * 5)
            .subquery()
        )
        statement = (
            select(same.c.id)
            .where(exists().where(TestCase.execution_id == same.c.id))
            .order_by(same.c.number.desc())
            .limit(limit)
        )
        return (await self.session.scalars(statement)).all()

    async def failed(self, executions: Collection[uuid.UUID], limit: int) -> Sequence[bytes]:
        """The tests that failed in one of these executions, in any attempt, or are flaky there."""
        statement = (
            select(TestCase.identity)
            .where(TestCase.execution_id.in_(executions), TestCase.rank <= FLAKY)
            .distinct()
            .limit(limit)
        )
        return [bytes(identity) for identity in await self.session.scalars(statement)]

    async def outcomes(
        self, executions: Collection[uuid.UUID], identities: Collection[bytes]
    ) -> Sequence[Outcome]:
        """How these tests ended in these executions."""
        statement = select(
            TestCase.identity,
            TestCase.execution_id,
            TestCase.attempt,
            TestCase.status,
            TestCase.flaky,
        ).where(TestCase.execution_id.in_(executions), TestCase.identity.in_(identities))
        rows = await self.session.execute(statement)
        return [Outcome(*row) for row in rows]

    async def current(
        self, execution_id: uuid.UUID, identities: Collection[bytes]
    ) -> Mapping[bytes, bool]:
        """Whether these tests passed, in the current attempts; without those that were skipped."""
        statement = (
            select(TestCase.identity, func.min(TestCase.rank))
            .where(
                _current(execution_id),
                TestCase.identity.in_(identities),
                TestCase.status != "skipped",
            )
            .group_by(TestCase.identity)
        )
        rows = await self.session.execute(statement)
        return {identity: rank > FAILED for identity, rank in rows}

    async def history(
        self, pipeline_id: uuid.UUID, identity: bytes, params: PageParams, *, ref: str | None
    ) -> Sequence[PastRun]:
        """One row more than asked for, the newest first."""
        statement: Select[*tuple[Any, ...]] = (
            select(
                TestCase.id,
                TestCase.execution_id,
                Execution.number,
                Execution.ref,
                Execution.sha,
                TestCase.job_id,
                TestCase.attempt,
                TestCase.status,
                TestCase.duration_s,
                TestCase.flaky,
                TestCase.message,
                Execution.created_at,
            )
            .join(Execution, Execution.id == TestCase.execution_id)
            .where(TestCase.pipeline_id == pipeline_id, TestCase.identity == identity)
            .order_by(TestCase.id.desc())
            .limit(params.limit + 1)
        )
        if ref is not None:
            statement = statement.where(Execution.ref == ref)
        if params.after is not None:
            statement = statement.where(TestCase.id < params.after)
        rows = await self.session.execute(statement)
        return [PastRun(*row) for row in rows]

    async def newest(self, pipeline_id: uuid.UUID, identity: bytes) -> TestCase | None:
        """The test as it was last."""
        return await self.session.scalar(
            select(TestCase)
            .where(TestCase.pipeline_id == pipeline_id, TestCase.identity == identity)
            .order_by(TestCase.id.desc())
            .limit(1)
        )


def _current(execution_id: uuid.UUID) -> ColumnElement[bool]:
    # Not a join: the optimizer would begin with the jobs and sort all tests for every page.
    attempt = select(Job.attempt).where(Job.id == TestCase.job_id).scalar_subquery()
    return and_(TestCase.execution_id == execution_id, TestCase.attempt == attempt)
