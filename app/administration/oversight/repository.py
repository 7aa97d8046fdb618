"""Statements about what is looked after."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update

from app.administration.models import PeriodicRun, RunStatus, Worker
from app.administration.repository import LOST_AFTER_S
from app.core.clock import db_now, seconds_between
from app.core.repository import Repository
from app.engine.states import ExecutionStatus
from app.executions.models import Execution


@dataclass(frozen=True, slots=True)
class LongRunning:
    """An execution that runs for long."""

    id: uuid.UUID
    number: int
    title: str
    triggered_by: uuid.UUID | None
    running_s: float


class OversightRepository(Repository):
    """Executions and workers, as administrators look at them."""

    async def long_running(self, *, limit_s: float, limit: int) -> Sequence[LongRunning]:
        """Executions that have run for more than `limit_s` seconds, the longest first."""
        running_s = seconds_between(Execution.started_at, db_now())
        statement = (
            select(
                Execution.id, Execution.number, Execution.title, Execution.triggered_by, running_s
            )
            .where(
                Execution.status.in_([ExecutionStatus.RUNNING, ExecutionStatus.CANCELLING]),
                Execution.started_at <= db_now(-limit_s),
            )
            .order_by(Execution.started_at)
            .limit(limit)
        )
        return [
            LongRunning(id_, number, title, triggered_by, float(seconds))
            for id_, number, title, triggered_by, seconds in await self.session.execute(statement)
        ]

    async def seconds_since(self, name: str) -> float | None:
        """How long ago the last successful run of some periodic work began; None: never."""
        statement = select(func.max(PeriodicRun.started_at)).where(
            PeriodicRun.name == name, PeriodicRun.status == RunStatus.SUCCESS
        )
        last = await self.session.scalar(statement)
        if last is None:
            return None
        now = (await self.session.execute(select(db_now()))).scalar_one()
        return float((now - last).total_seconds())

    async def want_tools(self) -> int:
        """Have all workers that are there see which tools they have; returns how many."""
        wanted = await self.session.execute(
            update(Worker)
            .where(Worker.stopped_at.is_(None), Worker.seen_at > db_now(-LOST_AFTER_S))
            .values(tools_wanted=True)
            .execution_options(synchronize_session=False)
        )
        return int(wanted.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result
