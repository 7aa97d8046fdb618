"""Results of tests, kept by the claim holder."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.artifacts.repository.tests import TestRepository
from app.artifacts.service.upload import ClaimIsLost, Owner
from app.artifacts.states import TestStatus, rank_of
from app.core.clock import new_id
from app.core.db import AsyncSession, Database

MAX_NAME = 500
MAX_MESSAGE = 2000
MAX_DETAILS = 16_000
"""Characters of one test; all together are bounded by who collects them."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test case of a report. `flaky`: it passed after it had failed, says the report."""

    suite: str
    classname: str
    name: str
    file: str | None
    status: TestStatus
    duration_s: float | None
    message: str | None = None
    details: str | None = None
    flaky: bool = False


def identity_of(job_key: str, result: TestResult) -> bytes:
    """What makes a test of one execution the same as a test of another one."""
    # Suites may be named after hosts or times; where there are classes, they say enough.
    group = result.classname or result.suite
    text = "\0".join((job_key, group, result.name))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


async def keep_tests(
    database: Database,
    owner: Owner,
    results: Sequence[TestResult],
    *,
    job_key: str,
) -> None:
    """Store the results of a job attempt in place of those that it stored before.

    Raises: ClaimIsLost; Unavailable.
    """
    # In order: ids of the same millisecond have none.
    ids = sorted(new_id() for _ in results)
    rows = [
        {
            "id": id_,
            "execution_id": owner.execution_id,
            "job_id": owner.job_id,
            "pipeline_id": owner.pipeline_id,
            "attempt": owner.attempt,
            "identity": identity_of(job_key, result),
            "rank": rank_of(result.status, flaky=result.flaky),
            "status": result.status,
            "suite": _cut(result.suite, MAX_NAME),
            "classname": _cut(result.classname, MAX_NAME),
            "name": _cut(result.name, MAX_NAME),
            "file": result.file and _cut(result.file, MAX_NAME),
            "duration_s": result.duration_s,
            "flaky": result.flaky,
            "message": result.message and _cut(result.message, MAX_MESSAGE),
            "details": result.details and _cut(result.details, MAX_DETAILS),
        }
        for id_, result in zip(ids, results, strict=True)
    ]

    async def write(session: AsyncSession) -> None:
        repository = TestRepository(session)
        if not await repository.hold(owner.job_id, owner.token):
            raise ClaimIsLost
        await repository.replace(owner.job_id, owner.attempt, rows)

    await database.transact(write)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
