"""The jobs of executions that this process has just changed.

Every transaction of the engine that changes a job also moves `seq` of its execution, so jobs that
were written at a `seq` are still the same while the execution, locked, has it. What moves without
it is not what the machine looks at: leases, sweep times, levels of cancelling.
"""

import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from app.core.db import AsyncSession, after_commit
from app.executions.models import Execution, Job

_EXECUTIONS = 64
_MOST_JOBS = 300

KNOWN: OrderedDict[uuid.UUID, tuple[int, list[Job]]] = OrderedDict()
"""By execution, the last changed at the end: its `seq` and its jobs."""


def recall(execution: Execution) -> list[Job] | None:
    """The jobs of a locked execution, if nobody has changed them since; they are only read."""
    seq, jobs = KNOWN.get(execution.id, (None, None))
    return jobs if seq == execution.seq else None


def remember(
    session: AsyncSession,
    execution: Execution,
    jobs: Sequence[Job],
    changes: Mapping[uuid.UUID, Mapping[str, Any]],
) -> None:
    """Keep the jobs as this transaction leaves them, once it is committed.

    Parameters: `changes` are the columns that were written, by id.
    """
    if len(jobs) <= _MOST_JOBS:
        after = [_changed(job, changes.get(job.id)) for job in jobs]
        after_commit(session, partial(_keep, execution.id, execution.seq, after))


def _changed(job: Job, values: Mapping[str, Any] | None) -> Job:
    if not values:
        return job
    before = vars(job) if isinstance(job, SimpleNamespace) else cast(Any, job)._asdict()
    return cast(Job, SimpleNamespace(**{**before, **values}))


def _keep(execution_id: uuid.UUID, seq: int, jobs: list[Job]) -> None:
    KNOWN[execution_id] = (seq, jobs)
    KNOWN.move_to_end(execution_id)
    while len(KNOWN) > _EXECUTIONS:
        KNOWN.popitem(last=False)
