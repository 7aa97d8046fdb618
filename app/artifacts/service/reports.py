"""The tests of an execution and the history of a test, as readers get them."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.artifacts.errors import TestNotFound
from app.artifacts.models import TestCase
from app.artifacts.repository.tests import PastRun, TestRepository
from app.artifacts.service.comparison import NOTHING, Comparison, compare
from app.core.db import ReadSession
from app.core.pagination import PageParams
from app.executions.models import Execution

EARLIER = 10
"""An execution is compared with so many before it."""
MAX_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class TestReport:
    """A page of tests with the counts of all."""

    counts: Mapping[str, int]
    duration_s: float
    compared_with: uuid.UUID | None
    comparison: Comparison
    items: Sequence[TestCase]
    next: str | None


async def report_of(
    session: ReadSession,
    execution: Execution,
    *,
    page: PageParams,
    statuses: Collection[str] = (),
    job_id: uuid.UUID | None = None,
) -> TestReport:
    """The tests of an execution: those of the current attempts of its jobs."""
    repository = TestRepository(session)
    counts, duration_s = await repository.counts(execution.id)
    items, following = await repository.list(execution.id, page, statuses=statuses, job_id=job_id)
    earlier = await repository.earlier(execution, EARLIER) if counts else ()
    comparison = await _compare(repository, execution, earlier) if counts else NOTHING
    compared_with = earlier[0] if earlier else None
    return TestReport(counts, duration_s, compared_with, comparison, items, following)


async def _compare(
    repository: TestRepository, execution: Execution, earlier: Sequence[uuid.UUID]
) -> Comparison:
    executions = [execution.id, *earlier]
    # Only of what failed somewhere there is something to say.
    suspects = await repository.failed(executions, MAX_COMPARED)
    if not suspects:
        return NOTHING
    outcomes = await repository.outcomes(executions, suspects)
    current = await repository.current(execution.id, suspects)
    return compare(outcomes, executions, current)


@dataclass(frozen=True, slots=True)
class TestHistory:
    """A test with a page of its runs, the newest first."""

    test: TestCase
    items: Sequence[PastRun]
    next: str | None


async def history_of(
    session: ReadSession,
    pipeline_id: uuid.UUID,
    identity: bytes,
    *,
    page: PageParams,
    ref: str | None = None,
) -> TestHistory:
    """How a test ended in the executions of a pipeline.

    Raises: TestNotFound.
    """
    repository = TestRepository(session)
    test = await repository.newest(pipeline_id, identity)
    if test is None:
        raise TestNotFound(f"the pipeline has no test {identity.hex()}")
    rows = await repository.history(pipeline_id, identity, page, ref=ref)
    more = len(rows) > page.limit
    items = rows[: page.limit]
    return TestHistory(test, items, str(items[-1].id) if more else None)
