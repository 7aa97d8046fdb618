"""Claims, leases and fences: compare-and-set on the job row, in the database's time."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Float, Select, bindparam, or_, select, update

from app.core.clock import db_now
from app.core.db import AsyncSession
from app.core.orm import Id, table_of
from app.engine.states import JobStatus
from app.executions.models import Execution, Job, Step
from app.pipelines.models import PipelineVersion

_JOBS = table_of(Job)
# Made once: building a statement and its cache key costs more than sending it.
_WANTED = bindparam("wanted", type_=Id())
_TOKEN = bindparam("token", type_=Id())
_ONE = select(_JOBS).where(_JOBS.c.id == _WANTED)
_FENCE = (
    select(_JOBS.c.id).where(_JOBS.c.id == _WANTED, _JOBS.c.claim_token == _TOKEN).with_for_update()
)
_CLAIM = (
    update(_JOBS)
    .where(
        _JOBS.c.id == _WANTED,
        _JOBS.c.status == JobStatus.QUEUED,
        _JOBS.c.attempt == bindparam("wanted_attempt"),
        or_(_JOBS.c.not_before.is_(None), _JOBS.c.not_before <= db_now()),
    )
    .values(
        status=JobStatus.RUNNING,
        reason=None,
        claim_token=_TOKEN,
        worker_id=bindparam("worker"),
        lease_until=db_now(bindparam("lease_s", type_=Float())),
        started_at=db_now(),
        finished_at=None,
        sweep_after=None,
        cancel_level=0,
    )
)
_HELD = (JobStatus.RUNNING, JobStatus.CANCELLING)


class HeldClaim(NamedTuple):
    """A claim, as those see it who take it away."""

    execution_id: uuid.UUID
    key: str
    attempt: int
    token: uuid.UUID


class ClaimRepository:
    """Statements of claim holders and of those who take claims away."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def execution_of(self, job_id: uuid.UUID) -> uuid.UUID | None:
        """The execution of a job, without locking anything."""
        statement = select(Job.execution_id).where(Job.id == job_id)
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def project_of(self, execution_id: uuid.UUID) -> uuid.UUID:
        """The project of an execution."""
        statement = select(Execution.project_id).where(Execution.id == execution_id)
        return (await self._session.execute(statement)).scalar_one()

    async def claim(
        self,
        *,
        job_id: uuid.UUID,
        attempt: int,
        token: uuid.UUID,
        worker_id: uuid.UUID,
        lease_s: float,
    ) -> bool:
        """Take a queued attempt; False when someone else has it, it is not due or not queued."""
        values = {
            "wanted": job_id,
            "wanted_attempt": attempt,
            "token": token,
            "worker": worker_id,
            "lease_s": lease_s,
        }
        return _rowcount(await self._session.execute(_CLAIM, values)) == 1

    async def fence(self, job_id: uuid.UUID, token: uuid.UUID) -> bool:
        """Lock the job if the token still holds it; False: it was replaced."""
        values = {"wanted": job_id, "token": token}
        return (await self._session.execute(_FENCE, values)).scalar_one_or_none() is not None

    async def renew(self, tokens: Collection[uuid.UUID], *, lease_s: float) -> None:
        """Renew all these leases, one statement."""
        statement = (
            update(_JOBS).where(_JOBS.c.claim_token.in_(tokens)).values(lease_until=db_now(lease_s))
        )
        await self._session.execute(statement)

    async def holds(
        self, tokens: Collection[uuid.UUID]
    ) -> tuple[dict[uuid.UUID, int], datetime | None]:
        """Cancel levels of the tokens that still hold a job, and the database's time."""
        statement = select(Job.claim_token, Job.cancel_level, db_now()).where(
            Job.claim_token.in_(tokens)
        )
        rows = (await self._session.execute(statement)).all()
        held = {token: level for token, level, _ in rows if token is not None}
        return held, rows[0][2] if rows else None

    async def database_time(self) -> datetime:
        """The database's clock."""
        return (await self._session.execute(select(db_now()))).scalar_one()

    async def lost(self, *, limit: int) -> list[HeldClaim]:
        """Held attempts whose lease ran out."""
        statement = (
            select(Job.execution_id, Job.key, Job.attempt, Job.claim_token)
            .where(Job.status.in_(_HELD), Job.lease_until < db_now())
            .where(Job.claim_token.is_not(None))
            .order_by(Job.lease_until)
            .limit(limit)
        )
        return await self._claims(statement)

    async def held_by_others(self, boot_id: uuid.UUID) -> list[HeldClaim]:
        """Held attempts that this process did not claim (embedded mode after a restart)."""
        statement = select(Job.execution_id, Job.key, Job.attempt, Job.claim_token).where(
            Job.status.in_(_HELD),
            Job.claim_token.is_not(None),
            or_(Job.worker_id.is_(None), Job.worker_id != boot_id),
        )
        return await self._claims(statement)

    async def _claims(
        self, statement: Select[uuid.UUID, str, int, uuid.UUID | None]
    ) -> list[HeldClaim]:
        rows = (await self._session.execute(statement)).all()
        return [HeldClaim(*row[:3], token) for row in rows if (token := row[3]) is not None]

    async def is_lost(self, job_id: uuid.UUID, token: uuid.UUID) -> bool:
        """True when the lease of this very claim is over (looked at again under the lock)."""
        statement = select(Job.id).where(
            Job.id == job_id, Job.claim_token == token, Job.lease_until < db_now()
        )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def due_for_sweep(
        self, *, queued_after_s: float, limit: int
    ) -> Sequence[tuple[uuid.UUID, uuid.UUID, int, str, float]]:
        """Queued attempts whose message may be lost: id, execution, attempt, queue, age in s.

        Parameters: they have been due for `queued_after_s` seconds.
        """
        long_ago = db_now(-queued_after_s)
        statement = (
            select(Job.id, Job.execution_id, Job.attempt, Job.queue, Job.queued_at, db_now())
            .where(
                Job.status == JobStatus.QUEUED,
                Job.sweep_after <= db_now(),
                Job.queued_at <= long_ago,
                or_(Job.not_before.is_(None), Job.not_before <= long_ago),
            )
            .order_by(Job.sweep_after)
            .limit(limit)
        )
        rows = (await self._session.execute(statement)).all()
        return [
            (job_id, execution_id, attempt, queue or "", (now - (queued or now)).total_seconds())
            for job_id, execution_id, attempt, queue, queued, now in rows
        ]

    async def postpone_sweep(self, job_id: uuid.UUID, *, attempt: int, seconds: float) -> bool:
        """Look again later; False when the attempt is no longer queued or someone else did."""
        statement = (
            update(_JOBS)
            .where(
                _JOBS.c.id == job_id,
                _JOBS.c.attempt == attempt,
                _JOBS.c.status == JobStatus.QUEUED,
                _JOBS.c.sweep_after <= db_now(),
            )
            .values(sweep_after=db_now(seconds))
        )
        return _rowcount(await self._session.execute(statement)) == 1

    async def job(self, job_id: uuid.UUID) -> Job:
        """One job, only read; the caller holds the lock of its execution."""
        row = (await self._session.execute(_ONE, {"wanted": job_id})).one()
        return cast(Job, row)

    async def needed(self, job: Job, scope: str | None) -> list[Job]:
        """The jobs that this one needs, and the call that it is inside of, in order of creation.

        Parameters: `scope` is the key of that call, None in the pipeline's own file.
        """
        if not job.needs and scope is None:
            return []
        inside = _JOBS.c.parent.is_(None) if scope is None else _JOBS.c.parent == scope
        wanted = inside & _JOBS.c.job_id.in_(job.needs)
        if scope is not None:
            wanted = wanted | (_JOBS.c.key == scope)
        statement = (
            select(_JOBS)
            .where(_JOBS.c.execution_id == job.execution_id, _JOBS.c.id != job.id, wanted)
            .order_by(_JOBS.c.position)
        )
        return cast(list[Job], (await self._session.execute(statement)).all())

    async def steps(self, job_id: uuid.UUID, attempt: int) -> list[Step]:
        """The steps of one attempt, in order."""
        statement = (
            select(Step)
            .where(Step.job_id == job_id, Step.attempt == attempt)
            .order_by(Step.index, Step.try_number)
        )
        return list((await self._session.execute(statement)).scalars())

    async def version(self, version_id: uuid.UUID) -> PipelineVersion:
        """The text of a version (read once per process and version)."""
        statement = select(PipelineVersion).where(PipelineVersion.id == version_id)
        return (await self._session.execute(statement)).scalar_one()


def _rowcount(result: Any) -> int:
    return int(result.rowcount)
