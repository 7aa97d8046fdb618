"""What the API reads. Every statement is scoped to what the caller may see."""

import uuid
from collections.abc import Sequence
from typing import Self

from sqlalchemy import Select, select

from app.auth.principals import Principal
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.engine.states import ExecutionStatus
from app.executions.errors import ExecutionNotFound, JobNotFound
from app.executions.models import (
    Execution,
    ExecutionAttempt,
    ExecutionEvent,
    Job,
    JobAttempt,
    Step,
)
from app.pipelines.models import PipelineVersion
from app.projects.repository import permitted
from app.projects.rights import Action


class ExecutionRepository(Repository):
    """`ExecutionRepository(session).visible_to(principal)` before any read."""

    _principal: Principal | None = None

    def visible_to(self, principal: Principal) -> Self:
        """Only executions that `principal` may see."""
        self._principal = principal
        return self

    def _executions(self) -> Select[Execution]:
        assert self._principal is not None, "call visible_to first"
        return select(Execution).where(
            permitted(
                Execution.project_id,
                self._principal,
                Action.EXECUTION_READ,
                pipeline_id=Execution.pipeline_id,
            )
        )

    async def require(self, execution_id: uuid.UUID) -> Execution:
        """An execution that the caller may see.

        Raises: ExecutionNotFound.
        """
        statement = self._executions().where(Execution.id == execution_id)
        execution = (await self.session.execute(statement)).scalar_one_or_none()
        if execution is None:
            raise ExecutionNotFound(f"there is no execution {execution_id}")
        return execution

    async def require_job(self, job_id: uuid.UUID) -> tuple[Execution, Job]:
        """A job that the caller may see, with its execution.

        Raises: JobNotFound.
        """
        statement = (
            self._executions()
            .add_columns(Job)
            .join(Job, Job.execution_id == Execution.id)
            .where(Job.id == job_id)
        )
        row = (await self.session.execute(statement)).one_or_none()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return row[0], row[1]

    async def list(
        self,
        params: PageParams,
        *,
        project_id: uuid.UUID | None = None,
        pipeline_id: uuid.UUID | None = None,
        status: Sequence[ExecutionStatus] = (),
        event: str | None = None,
        ref: str | None = None,
    ) -> Slice[Execution]:
        """Newest first; one statement, no count."""
        statement = self._executions()
        if project_id is not None:
            statement = statement.where(Execution.project_id == project_id)
        if pipeline_id is not None:
            statement = statement.where(Execution.pipeline_id == pipeline_id)
        if status:
            statement = statement.where(Execution.status.in_(status))
        if event is not None:
            statement = statement.where(Execution.event == event)
        if ref is not None:
            statement = statement.where(Execution.ref == ref)
        return await self.page(statement, Execution.id, params)

    async def version_number(self, version_id: uuid.UUID) -> int:
        """The number of a version."""
        statement = select(PipelineVersion.number).where(PipelineVersion.id == version_id)
        return (await self.session.execute(statement)).scalar_one()

    async def jobs(self, execution_id: uuid.UUID) -> Sequence[Job]:
        """The jobs of an execution that `require` answered, in order."""
        statement = select(Job).where(Job.execution_id == execution_id).order_by(Job.position)
        return list((await self.session.execute(statement)).scalars())

    async def steps(
        self, execution_id: uuid.UUID, job_id: uuid.UUID | None = None
    ) -> Sequence[Step]:
        """Steps of all attempts of an execution's jobs (or of one job), in order."""
        statement = select(Step).where(Step.execution_id == execution_id)
        if job_id is not None:
            statement = statement.where(Step.job_id == job_id)
        statement = statement.order_by(Step.job_id, Step.attempt, Step.index, Step.try_number)
        return list((await self.session.execute(statement)).scalars())

    async def execution_attempts(self, execution_id: uuid.UUID) -> Sequence[ExecutionAttempt]:
        """Replaced attempts of an execution that `require` answered, oldest first."""
        statement = (
            select(ExecutionAttempt)
            .where(ExecutionAttempt.execution_id == execution_id)
            .order_by(ExecutionAttempt.attempt)
        )
        return list((await self.session.execute(statement)).scalars())

    async def attempts(self, job_ids: Sequence[uuid.UUID]) -> Sequence[JobAttempt]:
        """Replaced attempts of these jobs, oldest first."""
        statement = (
            select(JobAttempt).where(JobAttempt.job_id.in_(job_ids)).order_by(JobAttempt.attempt)
        )
        return list((await self.session.execute(statement)).scalars())

    async def events(
        self, execution_id: uuid.UUID, *, after_seq: int, limit: int
    ) -> Sequence[ExecutionEvent]:
        """The history after a number, at most `limit` entries."""
        statement = (
            select(ExecutionEvent)
            .where(ExecutionEvent.execution_id == execution_id, ExecutionEvent.seq > after_seq)
            .order_by(ExecutionEvent.seq)
            .limit(limit)
        )
        return list((await self.session.execute(statement)).scalars())
