"""Executions that start others: the action `trigger`, and `on: workflow_run`.

The payload of what was started so names what started it, and how many came before: a chain ends
before it becomes a circle.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.db import AsyncSession, Database
from app.core.errors import Conflict
from app.core.logging import logger
from app.engine.document import InvalidDefinition
from app.engine.filters import EventInfo, matches
from app.engine.plan import InvalidPlan
from app.engine.states import TERMINAL_EXECUTION, ExecutionStatus
from app.executions.errors import (
    DefinitionIsInvalid,
    ExecutionNotFound,
    InputsAreInvalid,
    PipelineNotFound,
)
from app.executions.models import Execution
from app.executions.repository.chains import ChainRepository, Listener
from app.executions.service.start import Started, Trigger, start_execution, start_within
from app.jobs.catalog import FollowRun
from app.pipelines.definitions import parse_version, remembered
from app.pipelines.models import Pipeline

log = logger(__name__)

LONGEST = 10
"""So many executions may start each other by the action `trigger`."""
LONGEST_OF_RUNS = 3
"""So many by `workflow_run`, as at GitHub."""
_CHAIN = "ansflow"


class ChainIsTooLong(Conflict):
    code, title = "chain_is_too_long", "Executions start each other without an end"


async def start_from_job(
    database: Database,
    *,
    execution_id: uuid.UUID,
    slug: str,
    inputs: Mapping[str, Any],
    ref: str | None,
) -> Started:
    """Start a pipeline of the same project, on behalf of whoever started the execution.

    Raises: ExecutionNotFound, PipelineNotFound, ChainIsTooLong, InputsAreInvalid,
    DefinitionIsInvalid, Unavailable.
    """
    async with database.read() as session:
        repository = ChainRepository(session)
        found = await repository.execution(execution_id)
        if found is None:
            raise ExecutionNotFound
        execution, _ = found
        pipeline_id = await repository.pipeline_id(execution.project_id, slug)
    if pipeline_id is None:
        raise PipelineNotFound(f"the project has no pipeline {slug!r}")
    depth = _depth(execution) + 1
    if depth > LONGEST:
        raise ChainIsTooLong(f"{LONGEST} executions have started each other")
    trigger = _trigger(
        execution,
        pipeline_id,
        "workflow_dispatch",
        {_CHAIN: {"execution_id": str(execution_id), "depth": depth}},
        ref=ref or execution.ref,
    )
    trigger = replace(trigger, inputs=inputs)
    return await start_execution(database, trigger, server_url=_server_url(execution))


async def how_it_ended(
    database: Database, execution_id: uuid.UUID
) -> tuple[ExecutionStatus, str | None, dict[str, Any]] | None:
    """Status, reason and the outputs of the jobs by key; None when it was deleted."""
    async with database.read() as session:
        return await ChainRepository(session).end(execution_id)


async def follow(database: Database, message: FollowRun) -> None:
    """Start the pipelines that wait for the end of this execution; each once per attempt."""
    async with database.read() as session:
        repository = ChainRepository(session)
        found = await repository.execution(message.execution_id)
        if found is None or not _is_of(found[0], message):
            return
        execution, pipeline = found
        listeners = await repository.listeners(execution.project_id)
    depth = _depth(execution) + 1
    for listener in listeners:
        name = _wants(listener, execution, pipeline)
        if name is None:
            continue
        if depth > LONGEST_OF_RUNS:
            log.warning("chain_is_too_long", execution_id=str(execution.id))
            return
        await _start_follower(database, execution, listener, _payload(execution, name, depth))


def _is_of(execution: Execution, message: FollowRun) -> bool:
    return execution.attempt == message.attempt and execution.status in TERMINAL_EXECUTION


def _wants(listener: Listener, execution: Execution, pipeline: Pipeline) -> str | None:
    """The name under which the listener waits for this pipeline; None: it does not."""
    try:
        parsed = remembered(listener.version_id) or parse_version(
            listener.version_id, listener.source, listener.files
        )
    except (InvalidDefinition, InvalidPlan):
        return None
    for name in (pipeline.name, pipeline.slug):
        event = EventInfo("workflow_run", action="completed", ref=execution.ref, workflow=name)
        if matches(parsed.definition.on, event).matched:
            return name
    return None


async def _start_follower(
    database: Database, execution: Execution, listener: Listener, payload: Mapping[str, Any]
) -> None:
    trigger = _trigger(execution, listener.pipeline_id, "workflow_run", payload, ref=execution.ref)

    async def write(session: AsyncSession) -> None:
        is_first = await ChainRepository(session).follow(
            execution.id, execution.attempt, listener.pipeline_id
        )
        if is_first:
            await start_within(session, trigger, server_url=_server_url(execution))

    try:
        await database.transact(write)
    except (PipelineNotFound, InputsAreInvalid, DefinitionIsInvalid) as error:
        # Saved before something else changed: no repetition makes it start.
        log.warning("follower_not_started", pipeline=str(listener.pipeline_id), error=str(error))


def _trigger(
    execution: Execution,
    pipeline_id: uuid.UUID,
    event: str,
    payload: Mapping[str, Any],
    *,
    ref: str | None,
) -> Trigger:
    """A trigger on behalf of whoever started the execution, trusted no more than it was."""
    same = ref == execution.ref
    return Trigger(
        pipeline_id=pipeline_id,
        event=event,
        ref=ref,
        sha=execution.sha if same else None,
        payload=payload,
        user_id=execution.triggered_by,
        actor=execution.actor,
        repository_id=execution.repository_id,
        repository_url=execution.github.get("repositoryUrl"),
        trusted=execution.trusted,
    )


def _payload(execution: Execution, name: str, depth: int) -> dict[str, Any]:
    """What GitHub sends with `workflow_run`, as far as there is something like it here."""
    conclusion = str(execution.status)
    url = f"{_server_url(execution)}/api/v1/executions/{execution.id}"
    return {
        "action": "completed",
        "workflow": {"name": name},
        "workflow_run": {
            "id": str(execution.id),
            "name": name,
            "display_title": execution.title,
            "run_number": execution.number,
            "run_attempt": execution.attempt,
            "event": execution.event,
            "status": "completed",
            "conclusion": conclusion,
            "head_branch": (execution.ref or "").removeprefix("refs/heads/"),
            "head_sha": execution.sha,
            "html_url": url,
            "url": url,
        },
        _CHAIN: {"execution_id": str(execution.id), "depth": depth},
    }


def _depth(execution: Execution) -> int:
    """How many executions started each other before this one."""
    chain = execution.github.get("event", {}).get(_CHAIN)
    depth = chain.get("depth") if isinstance(chain, Mapping) else None
    return depth if isinstance(depth, int) else 0


def _server_url(execution: Execution) -> str:
    return str(execution.github.get("server_url", ""))
