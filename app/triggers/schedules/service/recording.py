"""Recording fires: any number of schedulers at once, each fire exactly once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.jobs.catalog import StartFires
from app.jobs.outbox import Queued, enqueue_all
from app.triggers.schedules.models import CatchUp, FireStatus
from app.triggers.schedules.repository.fires import DueSchedule, FireRepository, NewFire
from app.triggers.schedules.times import NeverFires, latest, next_fire

T = TypeVar("T")

AT_ONCE = 500
IN_A_MESSAGE = 50
LATE_S = 120.0
"""A fire that is recorded later than this was missed: the catch-up policy decides about it."""
MOST_CAUGHT_UP = 100
AGAIN_AFTER_S = 120.0
"""After so many seconds a pending fire gets another message."""


@dataclass(frozen=True, slots=True)
class Due:
    """What a schedule fires now, what it lets go, and when it fires next."""

    fires: Sequence[datetime]
    missed: Sequence[datetime]
    next_fire_at: datetime | None


async def record_due(database: Database) -> int:
    """Record the fires of all schedules that are due, and order their start; returns how many.

    Raises: Unavailable.
    """
    recorded = 0
    while True:
        taken, fires = await database.transact(_record)
        recorded += fires
        if taken < AT_ONCE:
            return recorded


async def order_again(database: Database) -> int:
    """Write new messages for fires that have been pending for long; returns how many fires.

    Raises: Unavailable.
    """

    async def write(session: AsyncSession) -> int:
        repository = FireRepository(session)
        ids = await repository.take_pending(limit=AT_ONCE)
        messages = []
        for some in _in_batches(ids):
            message = StartFires(batch_id=new_id())
            await repository.give_batch(some, message.batch_id, again_after_s=AGAIN_AFTER_S)
            messages.append(Queued(message))
        await enqueue_all(session, messages)
        return len(ids)

    return await database.transact(write)


async def _record(session: AsyncSession) -> tuple[int, int]:
    repository = FireRepository(session)
    now, schedules = await repository.take_due(limit=AT_ONCE)
    found = [(schedule, due_of(schedule, now)) for schedule in schedules]
    fires = [fire for schedule, due in found for fire in _fires_of(schedule, due)]
    pending = [fire for fire in fires if fire.status is FireStatus.PENDING]
    messages = []
    for some in _in_batches(pending):
        message = StartFires(batch_id=new_id())
        messages.append(Queued(message))
        for fire in some:
            fire.batch_id = message.batch_id
    await repository.add(fires, now=now, due_at=now + timedelta(seconds=AGAIN_AFTER_S))
    await repository.move_on([(each.id, due.next_fire_at, due.fires) for each, due in found])
    await enqueue_all(session, messages, now=now)
    return len(schedules), len(pending)


def _fires_of(schedule: DueSchedule, due: Due) -> Iterable[NewFire]:
    if due.missed:
        reason = f"missed: no scheduler ran ({len(due.missed)} fires, or more)"
        yield NewFire(schedule.id, due.missed[-1], FireStatus.SKIPPED, reason)
    for moment in due.fires:
        yield NewFire(schedule.id, moment, FireStatus.PENDING)


def due_of(schedule: DueSchedule, now: datetime) -> Due:
    """What a schedule whose `next_fire_at` has come does at `now`."""
    cron, timezone, first = schedule.cron, schedule.timezone, schedule.next_fire_at
    moments = [first]
    try:
        upcoming = next_fire(cron, timezone, first)
        if upcoming <= now:
            moments = latest(cron, timezone, since=first, until=now, limit=MOST_CAUGHT_UP)
            upcoming = next_fire(cron, timezone, now)
    except NeverFires:
        return Due([first], [], None)
    on_time = [each for each in moments if (now - each).total_seconds() <= LATE_S]
    match schedule.catch_up:
        case CatchUp.ALL:
            fires = moments
        case CatchUp.LATEST:
            fires = on_time or moments[-1:]
        case _:
            fires = on_time
    return Due(fires, [each for each in moments if each not in fires], upcoming)


def _in_batches(items: Sequence[T]) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), IN_A_MESSAGE):
        yield items[start : start + IN_A_MESSAGE]
