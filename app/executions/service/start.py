"""Start an execution: one transaction, all rows inserted in bulk.

Cost for any number of jobs: the pipeline's counter (2 statements), the execution, its jobs, its
events, its messages and the idempotency key (one INSERT each); the project's
variables are read each time, the version once per process. A concurrency group adds the group's
row and its members.
"""

import uuid
from dataclasses import replace
from datetime import datetime

from app.audit.recording import fields_of
from app.core.db import AsyncSession, Database
from app.credentials.repository.values import VariableRepository
from app.engine.document import InvalidDefinition
from app.engine.machine import advance
from app.engine.machine.types import Decision, ExecutionStarted
from app.engine.plan import InvalidPlan
from app.executions.errors import (
    DefinitionIsInvalid,
    IdempotencyKeyReused,
    PipelineNotFound,
)
from app.executions.history import record
from app.executions.interpreter import do_commands
from app.executions.repository.groups import GroupRepository
from app.executions.repository.starting import StartRepository
from app.executions.service.drafts import CAUSE, Draft, NewRows
from app.executions.service.gates import cancel_members
from app.executions.service.trail import record_execution
from app.executions.service.triggers import Started, Trigger
from app.jobs.catalog import PassExecution
from app.jobs.outbox import enqueue
from app.pipelines.definitions import Parsed, parse_version, remembered

__all__ = ["Started", "Trigger", "start_execution", "start_within"]


async def start_execution(database: Database, trigger: Trigger, *, server_url: str) -> Started:
    """Start an execution of a pipeline that the caller may run.

    Raises: PipelineNotFound (no such pipeline or version), InputsAreInvalid,
    DefinitionIsInvalid (the plan cannot be made), IdempotencyKeyReused, Unavailable.
    """

    async def write(session: AsyncSession) -> Started:
        known = await _known(session, trigger)
        return known or await start_within(session, trigger, server_url=server_url)

    return await database.transact(write)


async def _known(session: AsyncSession, trigger: Trigger) -> Started | None:
    if trigger.idempotency_key is None or trigger.user_id is None:
        return None
    known = await StartRepository(session).known(trigger.user_id, trigger.idempotency_key)
    if known is None:
        return None
    if known.digest != trigger.digest:
        raise IdempotencyKeyReused("send another Idempotency-Key for another request")
    return Started(known.execution_id, known.number, is_new=False)


def _missing(trigger: Trigger) -> str:
    if trigger.version is None:
        return "the pipeline was deleted"
    return f"the pipeline has no version {trigger.version}"


async def start_within(session: AsyncSession, trigger: Trigger, *, server_url: str) -> Started:
    """As `start_execution`, in the caller's transaction (`database.transact`), without looking for
    an Idempotency-Key.

    Raises: PipelineNotFound, InputsAreInvalid, DefinitionIsInvalid.
    """
    repository = StartRepository(session)
    counted = await repository.count(trigger.pipeline_id, version=trigger.version)
    if counted is None:
        raise PipelineNotFound(_missing(trigger))
    parsed = await parsed_version(session, counted.version_id)
    variables = await VariableRepository(session).of_project(counted.project_id)
    trigger = replace(trigger, variables={**variables, **trigger.variables})
    draft = Draft.of(trigger, counted, parsed, server_url=server_url)
    await insert_draft(session, draft, now=counted.now)
    started = fields_of(draft.execution, "event", "ref", "sha", "inputs")
    await record_execution(session, trigger.by, "execution.start", draft.execution, started)
    if trigger.idempotency_key is not None and trigger.user_id is not None:
        await repository.remember(
            trigger.user_id,
            trigger.idempotency_key,
            digest=trigger.digest or "",
            execution_id=draft.execution.id,
        )
    return Started(draft.execution.id, draft.execution.number, is_new=True)


async def parsed_version(session: AsyncSession, version_id: uuid.UUID) -> Parsed:
    """A version as a definition; read once per process.

    Raises: DefinitionIsInvalid.
    """
    parsed = remembered(version_id)
    if parsed is not None:
        return parsed
    source, called = await StartRepository(session).version(version_id)
    try:
        return parse_version(version_id, source, called)
    except (InvalidDefinition, InvalidPlan) as error:
        raise DefinitionIsInvalid(str(error)) from error


def begun(draft: Draft, *, now: datetime) -> Decision:
    """What the machine decides about a planned execution that may begin."""
    return advance(draft.decision.snapshot, ExecutionStarted(), now=now)


async def _enter_group(session: AsyncSession, draft: Draft) -> bool:
    """Lock the execution's concurrency group; True when it may run at once."""
    execution = draft.execution
    if execution.concurrency_group is None:
        return True
    groups = GroupRepository(session)
    draft.group_id = await groups.lock(execution.project_id, execution.concurrency_group)
    ended = set(await groups.ended_members(draft.group_id))
    if ended:
        await groups.remove(sorted(ended))
    members = [one for one in await groups.members(draft.group_id) if one.id not in ended]
    if members and execution.cancel_in_progress:
        await cancel_members(session, members, by_execution_id=execution.id)
    return not members


async def insert_draft(session: AsyncSession, draft: Draft, *, now: datetime) -> None:
    """Write a planned execution and let it begin, or wait for approval or its concurrency group.

    Parameters: `now` is the database's time.
    """
    execution = draft.execution
    holds = not execution.needs_approval and await _enter_group(session, draft)
    decision = begun(draft, now=now) if holds else draft.decision
    new = NewRows.of(execution, decision, holds=holds, now=now)
    await StartRepository(session).insert(new.execution, new.jobs)
    await record(session, execution, new.events, causes=[CAUSE] * len(new.events))
    if draft.group_id is not None:
        await GroupRepository(session).add(
            draft.group_id, execution_id=execution.id, job_id=None, attempt=1, holds=holds
        )
    await do_commands(session, execution, new.by_key(), decision, now=now)
    if execution.needs_approval:
        await enqueue(session, PassExecution(execution_id=execution.id, attempt=1))
