"""Who wants to hear of something: a delivery for each rule, recorded before it is sent."""

import uuid
from collections.abc import Iterable, Sequence

from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database
from app.core.errors import Conflict
from app.engine.filters import included
from app.engine.states import ExecutionStatus
from app.executions.models import Execution
from app.jobs.catalog import DeliverNotification
from app.jobs.outbox import Queued, enqueue_all
from app.notifications.models import (
    DeliveryState,
    NotificationDelivery,
    NotificationEvent,
    NotificationRule,
)
from app.notifications.repository.deliveries import DeliveryRepository, SubjectRepository
from app.notifications.repository.rules import RuleRepository

_AT_ONCE = 200


async def plan_ended(database: Database, *, execution_id: uuid.UUID, attempt: int) -> None:
    """This attempt of an execution has ended."""

    async def plan(session: AsyncSession) -> None:
        execution = await SubjectRepository(session).execution(execution_id)
        if execution is not None and execution.attempt == attempt:
            events = await _events_of_end(session, execution)
            await _plan(session, execution, events, subject_id=execution_id, attempt=attempt)

    await database.transact(plan)


async def plan_approval(database: Database, *, job_id: uuid.UUID, attempt: int) -> None:
    """This attempt of a job waits for somebody's approval."""

    async def plan(session: AsyncSession) -> None:
        found = await SubjectRepository(session).waiting_job(job_id, attempt)
        if found is not None:
            events = (NotificationEvent.APPROVAL_WANTED,)
            await _plan(session, found[1], events, subject_id=job_id, attempt=attempt)

    await database.transact(plan)


async def plan_held(database: Database, *, execution_id: uuid.UUID, attempt: int) -> None:
    """This attempt of an execution waits for somebody's approval."""

    async def plan(session: AsyncSession) -> None:
        execution = await SubjectRepository(session).execution(execution_id)
        if execution is None or execution.attempt != attempt or not execution.needs_approval:
            return
        if execution.status is ExecutionStatus.WAITING:
            events = (NotificationEvent.APPROVAL_WANTED,)
            await _plan(session, execution, events, subject_id=execution_id, attempt=attempt)

    await database.transact(plan)


async def plan_long_running(database: Database) -> int:
    """Look for executions that run longer than somebody wants them to; returns how many."""
    async with database.read() as session:
        found = await SubjectRepository(session).long_running(_AT_ONCE)
    for execution_id, attempt, rule_id in found:
        await _plan_long_running(database, execution_id, attempt, rule_id)
    return len(found)


async def _plan_long_running(
    database: Database, execution_id: uuid.UUID, attempt: int, rule_id: uuid.UUID
) -> None:
    async def plan(session: AsyncSession) -> None:
        execution = await SubjectRepository(session).execution(execution_id)
        if execution is not None and execution.attempt == attempt:
            events = (NotificationEvent.LONG_RUNNING,)
            await _plan(
                session,
                execution,
                events,
                subject_id=execution_id,
                attempt=attempt,
                only=rule_id,
            )

    await database.transact(plan)


async def _events_of_end(
    session: AsyncSession, execution: Execution
) -> Sequence[NotificationEvent]:
    """What the end is, the most telling first: a rule gets one notification of it."""
    if execution.status in (ExecutionStatus.FAILURE, ExecutionStatus.TIMED_OUT):
        return (NotificationEvent.FAILED,)
    if execution.status is not ExecutionStatus.SUCCESS:
        return ()
    if await SubjectRepository(session).had_failed_before(execution):
        return (NotificationEvent.FIXED, NotificationEvent.SUCCEEDED)
    return (NotificationEvent.SUCCEEDED,)


async def _plan(
    session: AsyncSession,
    execution: Execution,
    events: Sequence[NotificationEvent],
    *,
    subject_id: uuid.UUID,
    attempt: int,
    only: uuid.UUID | None = None,
) -> None:
    if not events:
        return
    rules = [each.rule for each in await RuleRepository(session).wanting(execution.project_id)]
    repository = DeliveryRepository(session)
    known = await repository.known(subject_id, execution.id, attempt)
    rows = [
        NotificationDelivery(
            id=new_id(),
            project_id=execution.project_id,
            rule_id=rule.id,
            execution_id=execution.id,
            subject_id=subject_id,
            attempt=attempt,
            event=event,
            state=DeliveryState.PENDING,
            tries=0,
            result="",
            created_at=utcnow(),
        )
        for rule, event in _wanted(rules, execution, events)
        if (rule.id, event) not in known and only in (None, rule.id)
    ]
    # Two of the same message at once: the second one is repeated, and finds the rows of the first.
    await repository.save(*rows, conflict=Conflict("it is planned at this moment"))
    await enqueue_all(session, [Queued(DeliverNotification(delivery_id=row.id)) for row in rows])


def _wanted(
    rules: Iterable[NotificationRule], execution: Execution, events: Sequence[NotificationEvent]
) -> Iterable[tuple[NotificationRule, NotificationEvent]]:
    for rule in rules:
        event = next((event for event in events if event.value in rule.events), None)
        if event is not None and fits(rule, execution):
            yield rule, event


def fits(rule: NotificationRule, execution: Execution) -> bool:
    """Whether a rule is about this execution at all."""
    if rule.pipeline_id not in (None, execution.pipeline_id):
        return False
    if not rule.branches:
        return True
    if execution.ref is None:
        return False
    name = execution.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return included(rule.branches, name)
