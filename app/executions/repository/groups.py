"""Concurrency groups: rows that are locked before any execution."""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, exists, insert, or_, select, update
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.core.clock import new_id
from app.core.db import AsyncSession
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB
from app.executions.models import ConcurrencyGroup, Execution, GroupMember, Job


class GroupRepository:
    """Members of a group queue in the order of their ids; one holds it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, project_id: uuid.UUID, name: str) -> uuid.UUID:
        """The group's id, its row made if need be and locked."""
        folded = name.casefold()[:255]
        values = {"id": new_id(), "project_id": project_id, "name": folded}
        if self._session.get_bind().dialect.name == "sqlite":
            await self._session.execute(
                sqlite_insert(ConcurrencyGroup).values(values).on_conflict_do_nothing()
            )
        else:
            await self._session.execute(
                mysql_insert(ConcurrencyGroup).values(values).prefix_with("IGNORE")
            )
        statement = (
            select(ConcurrencyGroup.id)
            .where(ConcurrencyGroup.project_id == project_id, ConcurrencyGroup.name == folded)
            .with_for_update()
        )
        return (await self._session.execute(statement)).scalar_one()

    async def group_of(self, execution_id: uuid.UUID) -> tuple[uuid.UUID, str | None] | None:
        """Project of an execution, and the name of the group that it belongs to as a whole."""
        statement = select(Execution.project_id, Execution.concurrency_group).where(
            Execution.id == execution_id
        )
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def lock_by_id(self, group_id: uuid.UUID) -> bool:
        """Lock a group; False when it is gone."""
        statement = (
            select(ConcurrencyGroup.id).where(ConcurrencyGroup.id == group_id).with_for_update()
        )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def members(self, group_id: uuid.UUID) -> list[GroupMember]:
        """Who holds it and who waits, in order."""
        statement = (
            select(GroupMember)
            .where(GroupMember.group_id == group_id)
            .order_by(GroupMember.id)
            .execution_options(populate_existing=True)
        )
        return list((await self._session.execute(statement)).scalars())

    async def add(
        self,
        group_id: uuid.UUID,
        *,
        execution_id: uuid.UUID,
        job_id: uuid.UUID | None,
        attempt: int,
        holds: bool,
    ) -> None:
        """A new member, last in the queue."""
        await self._session.execute(
            insert(GroupMember).values(
                id=new_id(),
                group_id=group_id,
                execution_id=execution_id,
                job_id=job_id,
                attempt=attempt,
                holds=holds,
            )
        )

    async def hold(self, member_id: uuid.UUID) -> None:
        """This member holds the group from now on."""
        await self._session.execute(
            update(GroupMember)
            .where(GroupMember.id == member_id)
            .values(holds=True)
            .execution_options(synchronize_session=False)
        )

    async def remove(self, member_ids: Sequence[uuid.UUID]) -> None:
        """These left the group."""
        await self._session.execute(
            delete(GroupMember)
            .where(GroupMember.id.in_(member_ids))
            .execution_options(synchronize_session=False)
        )

    async def groups_of(self, execution_id: uuid.UUID) -> list[uuid.UUID]:
        """The groups that an execution or its jobs are in."""
        statement = (
            select(GroupMember.group_id).where(GroupMember.execution_id == execution_id).distinct()
        )
        return list((await self._session.execute(statement)).scalars())

    async def ended_members(self, group_id: uuid.UUID) -> list[uuid.UUID]:
        """Members whose job attempt, or whose execution, has ended or was replaced."""
        gone_job = or_(
            Job.status.in_(TERMINAL_JOB),
            Job.attempt != GroupMember.attempt,
        )
        statement = (
            select(GroupMember.id)
            .join(Execution, Execution.id == GroupMember.execution_id)
            .outerjoin(Job, Job.id == GroupMember.job_id)
            .where(GroupMember.group_id == group_id)
            .where(
                or_(
                    (GroupMember.job_id.is_not(None)) & gone_job,
                    (GroupMember.job_id.is_(None))
                    & or_(
                        Execution.status.in_(TERMINAL_EXECUTION),
                        Execution.attempt != GroupMember.attempt,
                    ),
                )
            )
        )
        return list((await self._session.execute(statement)).scalars())

    async def without_live_holder(self, *, limit: int) -> list[uuid.UUID]:
        """An execution of each group that has members although its holder is none or ended."""
        holder = GroupMember.__table__.alias("holder")
        live = (
            select(holder.c.id)
            .join(Execution, Execution.id == holder.c.execution_id)
            .outerjoin(Job, Job.id == holder.c.job_id)
            .where(holder.c.group_id == GroupMember.group_id, holder.c.holds.is_(True))
            .where(
                or_(
                    holder.c.job_id.is_(None) & Execution.status.not_in(TERMINAL_EXECUTION),
                    holder.c.job_id.is_not(None) & Job.status.not_in(TERMINAL_JOB),
                )
            )
        )
        statement = select(GroupMember.group_id).where(~exists(live)).distinct().limit(limit)
        return list((await self._session.execute(statement)).scalars())
