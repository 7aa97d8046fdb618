"""Starting what schedules fired: each fire starts at most one execution, under its lock."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from app.auth.models import User
from app.auth.principals import ALL_SCOPES, Principal
from app.core.db import AsyncSession, Database
from app.core.errors import AnsFlowError, Unavailable
from app.core.logging import logger
from app.executions.errors import ExecutionFinished, ExecutionNotFound
from app.executions.service.cancel import cancel_execution
from app.executions.service.start import Trigger, start_within
from app.executions.service.start_many import start_many
from app.jobs.catalog import CancelOverlapped, StartFires
from app.jobs.outbox import Queued, enqueue_all
from app.pipelines.repository import PipelineRepository
from app.pipelines.service.access import pipeline_access
from app.projects.rights import Action
from app.triggers.schedules.models import FireStatus, Overlap, Schedule, ScheduleFire
from app.triggers.schedules.repository.fires import FireRepository, Running
from app.triggers.schedules.repository.schedules import ScheduleRepository

log = logger(__name__)

EVENT = "schedule"
AT_ONCE = 4
LOOK_AGAIN_S = 5.0
MOST_WAITING = 100
"""More fires than these do not wait for the executions before them."""


async def start_fires(database: Database, message: StartFires, *, server_url: str) -> None:
    """Start the executions of a batch of fires: together what waits for nothing, about 14
    statements for all of it; the rest, as many for each.

    Raises: Unavailable when the database is away: what was started stays so.
    """
    pending = await _pending_of(database, message)
    if len(pending) > 1:
        await _start_together(database, pending, server_url=server_url)
        pending = await _pending_of(database, message)
    free = asyncio.Semaphore(AT_ONCE)

    async def start(fire_id: uuid.UUID, schedule_id: uuid.UUID) -> None:
        async with free:
            await start_fire(database, fire_id, schedule_id, server_url=server_url)

    results = await asyncio.gather(*(start(*each) for each in pending), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _pending_of(
    database: Database, message: StartFires
) -> Sequence[tuple[uuid.UUID, uuid.UUID]]:
    async with database.read() as session:
        return await FireRepository(session).pending_of(message.batch_id)


async def _start_together(
    database: Database, pending: Sequence[tuple[uuid.UUID, uuid.UUID]], *, server_url: str
) -> None:
    async def start(session: AsyncSession) -> None:
        repository = ScheduleRepository(session)
        schedules = {
            schedule.id: schedule
            for schedule in await repository.lock_unheld({each[1] for each in pending})
        }
        owners = await repository.owners(schedules.values())
        allowed = await _allowed(session, schedules.values(), owners)
        fires = await FireRepository(session).lock_all(
            fire_id for fire_id, schedule_id in pending if schedule_id in allowed
        )
        if not fires:
            return
        firing = [schedules[fire.schedule_id] for fire in fires]
        triggers = [_trigger(each, owners[each.owner_id]) for each in firing if each.owner_id]
        started = await start_many(session, triggers, server_url=server_url)
        by_fire = {fire.id: each.execution_id for fire, each in zip(fires, started, strict=True)}
        await FireRepository(session).settle_started(by_fire)

    try:
        await database.transact(start)
    except Unavailable:
        raise
    except AnsFlowError as error:
        # One that cannot start must not hold up the others: each by itself then, with its reason.
        log.info("fires_start_alone", count=len(pending), reason=error.detail)


async def _allowed(
    session: AsyncSession, schedules: Iterable[Schedule], owners: Mapping[uuid.UUID, User]
) -> frozenset[uuid.UUID]:
    """Ids of the schedules whose owners may start their pipelines; one query for each owner."""
    by_owner: dict[uuid.UUID, list[Schedule]] = defaultdict(list)
    for schedule in schedules:
        owner = schedule.owner_id and owners.get(schedule.owner_id)
        if owner and owner.is_active:
            by_owner[owner.id].append(schedule)
    found: set[uuid.UUID] = set()
    for owner_id, own in by_owner.items():
        allowed = await PipelineRepository(session).permitted_of(
            _principal(owners[owner_id]),
            {schedule.pipeline_id for schedule in own},
            Action.EXECUTION_START,
        )
        found |= {schedule.id for schedule in own if schedule.pipeline_id in allowed}
    return frozenset(found)


async def start_fire(
    database: Database, fire_id: uuid.UUID, schedule_id: uuid.UUID, *, server_url: str
) -> None:
    """Start what one fire stands for, or say why not.

    Raises: Unavailable.
    """

    async def start(session: AsyncSession) -> None:
        schedule = await ScheduleRepository(session).lock(schedule_id)
        fire = await FireRepository(session).lock(fire_id)
        if schedule is not None and fire is not None:
            await _start(session, schedule, fire, server_url=server_url)

    async def fail(session: AsyncSession, reason: str) -> None:
        await FireRepository(session).settle(fire_id, FireStatus.FAILED, reason=reason)

    try:
        await database.transact(start)
    except Unavailable:
        raise
    except AnsFlowError as error:
        reason = error.detail
        await database.transact(lambda session: fail(session, reason))


async def cancel_overlapped(
    database: Database, message: CancelOverlapped, *, max_worker_lost: int
) -> None:
    """Cancel an execution that a newer one of its schedule replaces."""
    try:
        await cancel_execution(
            database,
            execution_id=message.execution_id,
            by="a newer run of its schedule (overlap policy)",
            max_worker_lost=max_worker_lost,
        )
    except (ExecutionFinished, ExecutionNotFound):
        return


async def _start(
    session: AsyncSession, schedule: Schedule, fire: ScheduleFire, *, server_url: str
) -> None:
    fires = FireRepository(session)
    owner = await ScheduleRepository(session).owner(schedule)
    refusal = await _refusal(session, schedule, owner)
    if refusal is not None:
        await fires.settle(fire.id, FireStatus.REFUSED, reason=refusal)
        return
    running: list[Running] = []
    if schedule.overlap is not Overlap.ALLOW:
        running = list(await fires.running(schedule.id))
        if await _is_held_back(fires, schedule, fire, running):
            return
    assert owner is not None, "nobody may start it otherwise"
    started = await start_within(session, _trigger(schedule, owner), server_url=server_url)
    await fires.settle(fire.id, FireStatus.STARTED, execution_id=started.execution_id)
    if schedule.overlap is Overlap.CANCEL_RUNNING:
        cancels = [Queued(CancelOverlapped(execution_id=each.id)) for each in running]
        await enqueue_all(session, cancels)


def _trigger(schedule: Schedule, owner: User) -> Trigger:
    return Trigger(
        pipeline_id=schedule.pipeline_id,
        event=EVENT,
        ref=schedule.ref,
        inputs=schedule.inputs,
        payload={"schedule": schedule.cron},
        user_id=owner.id,
        actor=owner.name,
    )


async def _is_held_back(
    fires: FireRepository, schedule: Schedule, fire: ScheduleFire, running: list[Running]
) -> bool:
    """True when the overlap policy lets this fire wait or skips it."""
    if schedule.overlap is Overlap.SKIP and running:
        reason = f"execution #{running[0].number} of this schedule was still running"
        await fires.settle(fire.id, FireStatus.SKIPPED, reason=reason)
        return True
    if schedule.overlap is not Overlap.QUEUE:
        return False
    before = await fires.waits_before(fire)
    if not running and not before:
        return False
    if before >= MOST_WAITING:
        reason = f"{before} fires of this schedule were waiting already"
        await fires.settle(fire.id, FireStatus.SKIPPED, reason=reason)
        return True
    what = f"execution #{running[0].number}" if running else "an earlier fire"
    await fires.postpone(fire.id, seconds=LOOK_AGAIN_S, reason=f"waits for {what}")
    return True


async def _refusal(session: AsyncSession, schedule: Schedule, owner: User | None) -> str | None:
    """Why the owner may not start the pipeline now, or None."""
    if owner is None:
        return "nobody answers for this schedule: its owner was deleted; change it to own it"
    if not owner.is_active:
        return f"its owner {owner.name} is switched off"
    try:
        await pipeline_access(
            session,
            _principal(owner),
            pipeline_id=schedule.pipeline_id,
            action=Action.EXECUTION_START,
        )
    except Unavailable:
        raise
    except AnsFlowError:
        return f"its owner {owner.name} may not start this pipeline any more"
    return None


def _principal(user: User) -> Principal:
    return Principal(
        user_id=user.id,
        name=user.name,
        is_administrator=user.is_administrator,
        scopes=ALL_SCOPES,
        how="token",
        project_id=user.project_id,
        project_role=user.project_role,
    )
