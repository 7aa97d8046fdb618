"""`trigger`: starts another pipeline of the project."""

import asyncio
import json
import uuid
from typing import Any

from app.core.db import Database
from app.core.errors import AnsFlowError, Unavailable
from app.engine.states import TERMINAL_EXECUTION, ExecutionStatus
from app.executions.service.chains import how_it_ended, start_from_job
from workers.actions.base import ActionCall, ActionFailed

POLL_S = 1.0


async def trigger(call: ActionCall) -> None:
    """Start the pipeline and, unless told otherwise, wait for its end."""
    storage = call.attempt.run.assignment.storage
    if storage is None:
        raise ActionFailed("This worker has no server that could start a pipeline.")
    database, slug = storage.database, call.inputs["pipeline"].strip()
    waits = call.flag("wait")
    try:
        started = await start_from_job(
            database,
            execution_id=call.attempt.run.assignment.execution_id,
            slug=slug,
            inputs=_inputs(call.inputs.get("inputs", "")),
            ref=_full_ref(call.inputs.get("ref", "").strip()),
        )
    except AnsFlowError as error:
        raise ActionFailed(f"{slug!r} cannot be started: {error}.") from None
    outputs = call.effects.outputs
    outputs.update({"execution-id": str(started.execution_id), "number": str(started.number)})
    await call.log(f"Started {slug} #{started.number}: execution {started.execution_id}")
    if not waits:
        outputs.update({"status": "", "outputs": "{}"})
        return
    status, reason, found = await call.interruptible(_end(database, started.execution_id))
    outputs.update({"status": str(status), "outputs": json.dumps(found)})
    await call.log(f"{slug} #{started.number} ended: {status}")
    if status is not ExecutionStatus.SUCCESS:
        why = f" ({reason})" if reason else ""
        raise ActionFailed(f"{slug} #{started.number} ended with {status}{why}.")


async def _end(
    database: Database, execution_id: uuid.UUID
) -> tuple[ExecutionStatus, str | None, dict[str, Any]]:
    while True:
        try:
            found = await how_it_ended(database, execution_id)
        except Unavailable:
            await asyncio.sleep(POLL_S)
            continue
        if found is None:
            raise ActionFailed("The execution was deleted before it ended.")
        if found[0] in TERMINAL_EXECUTION:
            return found
        await asyncio.sleep(POLL_S)


def _inputs(text: str) -> dict[str, Any]:
    """A JSON object, or `name: value`, one a line."""
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ActionFailed(f"Input 'inputs' is not JSON: {error}.") from None
        return dict(found)
    inputs = {}
    for line in text.splitlines():
        if line.strip():
            name, colon, value = line.partition(":")
            if not colon:
                raise ActionFailed(
                    f"Input 'inputs' has a line that is not 'name: value': {line!r}."
                )
            inputs[name.strip()] = value.strip()
    return inputs


def _full_ref(ref: str) -> str | None:
    if not ref:
        return None
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"
