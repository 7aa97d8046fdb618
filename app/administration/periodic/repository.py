"""Statements about periodic work."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.administration.models import PeriodicRun, PeriodicWork, RunStatus
from app.core.clock import db_now
from app.core.orm import table_of
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository, is_duplicate

FIRST_AFTER_S = 60.0


class PeriodicRepository(Repository):
    """Periodic work and its runs."""

    async def known(self) -> Mapping[str, int]:
        """The interval in seconds of each name that has a row."""
        rows = await self.session.execute(select(PeriodicWork.name, PeriodicWork.every_s))
        return {row[0]: row[1] for row in rows}

    async def seed(self, name: str, *, every_s: int) -> None:
        """Make the row of a name, if nobody else does at this moment."""
        values = {"name": name, "every_s": every_s, "next_run_at": db_now(FIRST_AFTER_S)}
        try:
            async with self.session.begin_nested():
                await self.session.execute(insert(PeriodicWork).values(values))
        except IntegrityError as error:
            if not is_duplicate(error):
                raise

    async def set_interval(self, name: str, *, every_s: int) -> None:
        """The catalogue has another interval now."""
        await self.session.execute(
            update(PeriodicWork).where(PeriodicWork.name == name).values(every_s=every_s)
        )

    async def take_due(self, names: Sequence[str]) -> Sequence[PeriodicWork]:
        """Those of `names` whose time has come and that no other scheduler holds, locked."""
        statement = (
            select(PeriodicWork)
            .where(PeriodicWork.next_run_at <= db_now(), PeriodicWork.name.in_(names))
            .order_by(PeriodicWork.name)
            .with_for_update(skip_locked=True)
        )
        return (await self.session.scalars(statement)).all()

    async def lock(self, name: str) -> PeriodicWork | None:
        """One row, locked."""
        return await self.session.scalar(
            select(PeriodicWork).where(PeriodicWork.name == name).with_for_update()
        )

    async def last_run(self, work: PeriodicWork, *, older_than_s: float) -> tuple[RunStatus, bool]:
        """The status of its newest run, and whether that was ordered longer ago."""
        statement = select(PeriodicRun.status, PeriodicRun.ordered_at < db_now(-older_than_s))
        row = (
            await self.session.execute(statement.where(PeriodicRun.id == work.last_run_id))
        ).one_or_none()
        return (RunStatus.SUCCESS, True) if row is None else (row[0], bool(row[1]))

    async def add_run(self, run_id: uuid.UUID, name: str, *, asked_by: str | None) -> None:
        """A run that is ordered now."""
        await self.session.execute(
            insert(table_of(PeriodicRun)).values(
                id=run_id,
                name=name,
                asked_by=asked_by and asked_by[:100],
                status=RunStatus.ORDERED,
                result={},
                ordered_at=db_now(),
            )
        )

    async def plan(self, name: str, *, after_s: float, run_id: uuid.UUID | None) -> None:
        """When it is done next, and its newest run if there is a new one."""
        values: dict[str, Any] = {"next_run_at": db_now(after_s)}
        if run_id is not None:
            values["last_run_id"] = run_id
        await self.session.execute(
            update(PeriodicWork)
            .where(PeriodicWork.name == name)
            .values(values)
            .execution_options(synchronize_session=False)
        )

    async def begin(self, run_id: uuid.UUID) -> str | None:
        """Take an ordered run; returns its name, None when it is not to be done (any more)."""
        taken = await self.session.execute(
            update(PeriodicRun)
            .where(PeriodicRun.id == run_id, PeriodicRun.status == RunStatus.ORDERED)
            .values(status=RunStatus.RUNNING, started_at=db_now())
            .execution_options(synchronize_session=False)
        )
        if taken.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE gives a cursor's result
            return None
        return await self.session.scalar(select(PeriodicRun.name).where(PeriodicRun.id == run_id))

    async def end(
        self,
        run_id: uuid.UUID,
        status: RunStatus,
        *,
        reason: str | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """A run has ended, or will never."""
        await self.session.execute(
            update(PeriodicRun)
            .where(
                PeriodicRun.id == run_id,
                PeriodicRun.status.in_([RunStatus.ORDERED, RunStatus.RUNNING]),
            )
            .values(
                status=status,
                reason=reason and reason[:2000],
                result=dict(result or {}),
                finished_at=db_now(),
            )
            .execution_options(synchronize_session=False)
        )

    async def list(self, names: Sequence[str]) -> Sequence[tuple[PeriodicWork, PeriodicRun | None]]:
        """All with their newest runs, by name."""
        statement = (
            select(PeriodicWork, PeriodicRun)
            .outerjoin(PeriodicRun, PeriodicRun.id == PeriodicWork.last_run_id)
            .where(PeriodicWork.name.in_(names))
            .order_by(PeriodicWork.name)
        )
        return [(row[0], row[1]) for row in await self.session.execute(statement)]

    async def runs(self, name: str, params: PageParams) -> Slice[PeriodicRun]:
        """A page of the runs of one, newest first."""
        return await self.page(
            select(PeriodicRun).where(PeriodicRun.name == name), PeriodicRun.id, params
        )

    async def delete_old(self, *, older_than_s: float, limit: int) -> int:
        """Delete runs that were ordered longer ago; returns how many."""
        old = select(PeriodicRun.id).where(PeriodicRun.ordered_at < db_now(-older_than_s))
        ids = (await self.session.scalars(old.limit(limit))).all()
        if ids:
            await self.session.execute(delete(PeriodicRun).where(PeriodicRun.id.in_(ids)))
        return len(ids)
