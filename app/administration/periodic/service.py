"""Ordering and doing periodic work: once per period, over any number of schedulers and workers."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.administration.models import PeriodicRun, PeriodicWork, RunStatus
from app.administration.periodic.catalog import WORK
from app.administration.periodic.errors import PeriodicWorkNotFound
from app.administration.periodic.repository import PeriodicRepository
from app.audit.recording import record_change
from app.auth.principals import Principal
from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.jobs.catalog import RunPeriodic
from app.jobs.outbox import enqueue
from app.jobs.queues import queue_for

log = logger(__name__)

Perform = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Does the work of this name; returns what came out of it, as JSON values."""

LONGEST_S = 6 * 3600.0
"""A run that has not ended after so long was lost with its worker."""
KEPT_S = 30 * 24 * 3600.0
AT_ONCE = 1000


async def seed(database: Database) -> None:
    """Have a row for everything in the catalogue, with its interval.

    Raises: Unavailable.
    """

    async def write(session: AsyncSession) -> None:
        repository = PeriodicRepository(session)
        known = await repository.known()
        for name, work in WORK.items():
            if name not in known:
                await repository.seed(name, every_s=work.every_s)
            elif known[name] != work.every_s:
                await repository.set_interval(name, every_s=work.every_s)

    await database.transact(write)


async def order_due(database: Database) -> int:
    """Order all whose time has come; returns how many.

    Raises: Unavailable.
    """

    async def write(session: AsyncSession) -> int:
        repository = PeriodicRepository(session)
        due = await repository.take_due(sorted(WORK))
        for work in due:
            await _order(session, work)
        return len(due)

    return await database.transact(write)


async def run_now(session: AsyncSession, *, by: Principal, name: str) -> PeriodicRun:
    """Order a run that somebody wants now; its next regular one is not moved.

    Raises: PeriodicWorkNotFound.
    """
    repository = PeriodicRepository(session)
    work = await repository.lock(name) if name in WORK else None
    if work is None:
        raise PeriodicWorkNotFound(f"there is no periodic work {name[:64]!r}")
    run_id = new_id()
    await repository.add_run(run_id, name, asked_by=by.name)
    work.last_run_id = run_id
    await _send(session, name, run_id)
    await record_change(
        session, by, "periodic_work.run", kind="periodic_work", target_id=run_id, name=name
    )
    return await session.get_one(PeriodicRun, run_id)


async def run(database: Database, run_id: uuid.UUID, perform: Perform) -> None:
    """Do an ordered run, unless it was done already, and keep what came out of it.

    Raises: Unavailable when the database is away before it has begun.
    """
    name = await database.transact(lambda session: PeriodicRepository(session).begin(run_id))
    if name is None:
        return
    status, reason, result = RunStatus.SUCCESS, None, {}
    try:
        result = dict(await perform(name))
    except Unavailable as error:
        status, reason = RunStatus.FAILURE, error.detail
    except Exception as error:
        log.exception("periodic_work_failed", work=name)
        status, reason = RunStatus.FAILURE, f"{type(error).__name__}: {error}"

    async def write(session: AsyncSession) -> None:
        await PeriodicRepository(session).end(run_id, status, reason=reason, result=result)

    await database.transact(write)


async def clean_up(database: Database) -> int:
    """Remove runs of long ago; returns how many.

    Raises: Unavailable.
    """
    removed = 0
    while True:
        deleted = await database.transact(
            lambda session: PeriodicRepository(session).delete_old(
                older_than_s=KEPT_S, limit=AT_ONCE
            )
        )
        removed += deleted
        if deleted < AT_ONCE:
            return removed


async def _order(session: AsyncSession, work: PeriodicWork) -> None:
    repository = PeriodicRepository(session)
    status, is_old = await repository.last_run(work, older_than_s=LONGEST_S)
    run_id: uuid.UUID | None = None
    if status is RunStatus.ORDERED and work.last_run_id is not None:
        # No worker has taken it in a whole period: its message may be lost.
        await _send(session, work.name, work.last_run_id)
    elif status is not RunStatus.RUNNING or is_old:
        if status is RunStatus.RUNNING and work.last_run_id is not None:
            lost = "it did not end: its worker was lost"
            await repository.end(work.last_run_id, RunStatus.FAILURE, reason=lost)
        run_id = new_id()
        await repository.add_run(run_id, work.name, asked_by=None)
        await _send(session, work.name, run_id)
    await repository.plan(work.name, after_s=work.every_s, run_id=run_id)


async def _send(session: AsyncSession, name: str, run_id: uuid.UUID) -> None:
    await enqueue(session, RunPeriodic(run_id=run_id), queue=queue_for(WORK[name].priority))
