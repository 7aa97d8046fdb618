"""Statements about retention: its rules, and what they let go."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import aliased

from app.administration.models import RetentionRule
from app.core.clock import db_now
from app.core.repository import Repository
from app.engine.states import TERMINAL_EXECUTION, ExecutionStatus
from app.executions.models import Execution
from app.pipelines.models import Pipeline

DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a pipeline's executions."""

    pipeline_id: uuid.UUID
    project_id: uuid.UUID
    days: int | None
    count: int | None
    keep_last_success: bool


class RetentionRepository(Repository):
    """Rules of projects and pipelines."""

    async def rules(self, *scope_ids: uuid.UUID) -> dict[uuid.UUID, RetentionRule]:
        """The rules of these projects and pipelines."""
        statement = select(RetentionRule).where(RetentionRule.scope_id.in_(scope_ids))
        return {rule.scope_id: rule for rule in await self.session.scalars(statement)}

    async def in_effect(self, after: uuid.UUID | None, *, limit: int) -> Sequence[Kept]:
        """Pipelines with a rule of their own or of their project, by id, after `after`."""
        own, of_project = aliased(RetentionRule), aliased(RetentionRule)
        statement = (
            select(Pipeline.id, Pipeline.project_id, own, of_project)
            .outerjoin(own, own.scope_id == Pipeline.id)
            .outerjoin(of_project, of_project.scope_id == Pipeline.project_id)
            .where(or_(own.id.is_not(None), of_project.id.is_not(None)))
            .order_by(Pipeline.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Pipeline.id > after)
        rules = [
            (row[0], row[1], row[2] or row[3]) for row in await self.session.execute(statement)
        ]
        return [
            Kept(pipeline_id, project_id, rule.days, rule.count, rule.keep_last_success)
            for pipeline_id, project_id, rule in rules
        ]

    async def too_old(self, kept: Kept, *, limit: int) -> Sequence[uuid.UUID]:
        """Ended executions that the rule lets go, oldest first."""
        ended = (Execution.pipeline_id == kept.pipeline_id, _has_ended())
        conditions: list[ColumnElement[bool]] = []
        if kept.days is not None:
            conditions.append(Execution.finished_at < db_now(-kept.days * DAY_S))
        if kept.count is not None:
            newest_gone = (
                select(Execution.number)
                .where(*ended)
                .order_by(Execution.number.desc())
                .offset(kept.count)
                .limit(1)
            )
            number = await self.session.scalar(newest_gone)
            if number is not None:
                conditions.append(Execution.number <= number)
        if not conditions:
            return []
        statement = select(Execution.id).where(*ended, or_(*conditions))
        if kept.keep_last_success:
            last = select(func.max(Execution.number)).where(
                Execution.pipeline_id == kept.pipeline_id,
                Execution.status == ExecutionStatus.SUCCESS,
            )
            number = await self.session.scalar(last)
            if number is not None:
                statement = statement.where(Execution.number != number)
        return (await self.session.scalars(statement.order_by(Execution.id).limit(limit))).all()

    async def delete_ended(self, ids: Sequence[uuid.UUID]) -> int:
        """Delete those of `ids` that have ended, with all that belongs to them."""
        locked = (
            select(Execution.id)
            .where(Execution.id.in_(ids), _has_ended())
            .order_by(Execution.id)
            .with_for_update()
        )
        # Looked at again under the lock: a re-run may have begun since.
        ended = (await self.session.scalars(locked)).all()
        if ended:
            await self.session.execute(delete(Execution).where(Execution.id.in_(ended)))
        return len(ended)


def _has_ended() -> ColumnElement[bool]:
    return Execution.status.in_(sorted(TERMINAL_EXECUTION))
