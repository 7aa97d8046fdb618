"""A worker goes on with a job that its last one has made ready, in the same transaction.

The job needs no message then: it is claimed before anybody else could hear of it. What stands in
the history is the same: it was queued, and claimed.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.engine.machine import advance
from app.engine.machine.types import Decision, Dispatch, JobClaimed
from app.executions.models import Execution, Job
from app.jobs.queues import queue_for


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a worker process would claim with. `accepts` is asked for the queue (without prefix) of
    a job: True when the process takes it and nothing else on that queue waits for a worker.

    `token` is made before the transaction, as for every claim; `lease_s` is in seconds.
    """

    token: uuid.UUID
    worker_id: uuid.UUID
    lease_s: float
    accepts: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that is claimed with the end of another. `values` are the columns of its claim; the
    transitions of the decision from `since` on are those of the claim."""

    dispatch: Dispatch
    values: Mapping[str, Any]
    since: int


def take(
    execution: Execution,
    decision: Decision,
    rows: Mapping[str, Job],
    continuation: Continuation,
    *,
    now: datetime,
) -> tuple[Decision, Taken | None]:
    """Claim the first job of `decision` that is ready at once, if this worker accepts it.

    Parameters: `rows` are the jobs that exist already; `now` is the database's time.
    """
    labels = {node.key: node.labels for node in decision.snapshot.nodes}
    for command in decision.commands:
        if not isinstance(command, Dispatch) or command.not_before or command.key not in rows:
            continue
        if continuation.accepts(queue_for(execution.priority, labels[command.key])):
            return _claimed(decision, command, continuation, now)
    return decision, None


def _claimed(
    decision: Decision, dispatch: Dispatch, continuation: Continuation, now: datetime
) -> tuple[Decision, Taken | None]:
    event = JobClaimed(key=dispatch.key, attempt=dispatch.attempt)
    after = advance(decision.snapshot, event, now=now)
    if after.snapshot is decision.snapshot:
        return decision, None
    values = {
        "claim_token": continuation.token,
        "worker_id": continuation.worker_id,
        "lease_until": now + timedelta(seconds=continuation.lease_s),
        "started_at": now,
        "finished_at": None,
        "sweep_after": None,
        "cancel_level": 0,
    }
    rest = tuple(command for command in decision.commands if command is not dispatch)
    both = replace(
        after,
        transitions=decision.transitions + after.transitions,
        created=decision.created + after.created,
        commands=rest + after.commands,
    )
    return both, Taken(dispatch, values, len(decision.transitions))
