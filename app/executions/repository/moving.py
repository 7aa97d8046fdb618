"""What the interpreter reads and writes while it holds the lock of an execution."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    Case,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    case,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.core.clock import db_now
from app.core.db import AsyncSession
from app.core.orm import Id, table_of
from app.credentials.models import Secret
from app.executions.models import (
    Execution,
    ExecutionAttempt,
    ExecutionEvent,
    Job,
    JobAttempt,
    Step,
)

# Tables, not entities: what is written here is not in the session, and the unit of work would
# only cost time.
_EXECUTIONS = table_of(Execution)
_JOBS = table_of(Job)
_STEPS = table_of(Step)
_EVENTS = table_of(ExecutionEvent)
_ATTEMPTS = table_of(JobAttempt)
_EXECUTION_ATTEMPTS = table_of(ExecutionAttempt)
_SECRETS = table_of(Secret)

# Made once: building a statement and its cache key costs more than sending it.
_WANTED = bindparam("wanted", type_=Id())
_OTHER = bindparam("other", type_=Id())
_HAS_SECRETS = exists().where(_SECRETS.c.project_id == _EXECUTIONS.c.project_id)
_LOCKED = select(_EXECUTIONS, db_now().label("now"), _HAS_SECRETS.label("has_secrets"))
_LOCK = _LOCKED.where(_EXECUTIONS.c.id == _WANTED).with_for_update()
_LOCK_OF_JOB = _LOCKED.where(
    _EXECUTIONS.c.id == select(_JOBS.c.execution_id).where(_JOBS.c.id == _WANTED).scalar_subquery()
).with_for_update()
_INSERT_JOBS = insert(_JOBS)
_INSERT_ATTEMPTS = insert(_ATTEMPTS)
_INSERT_EVENTS = insert(_EVENTS)
_JOBS_OF = select(_JOBS).where(_JOBS.c.execution_id == _WANTED).order_by(_JOBS.c.position)


@cache
def _update_of(table: Table, columns: tuple[str, ...]) -> Update:
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns}
    return update(table).where(table.c.id == _WANTED).values(values)


MOST_TOGETHER = 8
"""Jobs that one statement changes; more of them would only make it long."""


@lru_cache(maxsize=256)
def _update_together(columns: tuple[tuple[str, ...], ...]) -> Update:
    """Of the jobs `job_0`, `job_1` and so on, each in columns of its own."""
    ids = [bindparam(f"job_{place}", type_=Id()) for place in range(len(columns))]

    def value(name: str) -> Case[Any]:
        column = _JOBS.c[name]
        cases = [
            (_JOBS.c.id == job_id, bindparam(f"new_{place}_{name}", type_=column.type))
            for place, (job_id, names) in enumerate(zip(ids, columns, strict=True))
            if name in names
        ]
        return case(*cases, else_=column)

    changed = dict.fromkeys(name for names in columns for name in names)
    return update(_JOBS).where(_JOBS.c.id.in_(ids)).values({name: value(name) for name in changed})


@cache
def _write_steps(columns: tuple[str, ...], *, is_sqlite: bool) -> Insert:
    if is_sqlite:
        on_sqlite = sqlite_insert(_STEPS)
        return on_sqlite.on_conflict_do_update(
            index_elements=["id"], set_={name: on_sqlite.excluded[name] for name in columns}
        )
    elsewhere = mysql_insert(_STEPS)
    return elsewhere.on_duplicate_key_update({name: elsewhere.inserted[name] for name in columns})


class LockedRow(NamedTuple):
    """A locked execution. `now` is the database's time; `has_secrets` says that its project has
    secrets, its own or those of an environment."""

    execution: Execution
    now: datetime
    has_secrets: bool


class MovingRepository:
    """Statements of engine transactions. Every writer locks the execution first."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, execution_id: uuid.UUID) -> LockedRow | None:
        """The execution, locked until the end of the transaction, and the database's time."""
        return await self._locked(_LOCK, execution_id)

    async def lock_of_job(self, job_id: uuid.UUID) -> LockedRow | None:
        """The execution of a job, locked; the job itself is only read."""
        return await self._locked(_LOCK_OF_JOB, job_id)

    async def _locked(
        self, statement: Select[*tuple[Any, ...]], wanted: uuid.UUID
    ) -> LockedRow | None:
        row = (await self._session.execute(statement, {"wanted": wanted})).one_or_none()
        if row is None:
            return None
        # No entity: all writing is by statements, the unit of work would repeat it.
        columns = row._asdict()
        now, has_secrets = columns.pop("now"), bool(columns.pop("has_secrets"))
        return LockedRow(cast(Execution, SimpleNamespace(**columns)), now, has_secrets)

    async def read(self, execution_id: uuid.UUID) -> Execution | None:
        """The execution as it is now, not locked."""
        statement = select(_EXECUTIONS).where(_EXECUTIONS.c.id == execution_id)
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else cast(Execution, SimpleNamespace(**row._asdict()))

    async def planned_jobs(self, execution_id: uuid.UUID) -> Sequence[str]:
        """The ids of the jobs of its own file that the execution was started with."""
        statement = (
            select(_JOBS.c.job_id)
            .where(_JOBS.c.execution_id == execution_id, _JOBS.c.parent.is_(None))
            .distinct()
        )
        return list((await self._session.execute(statement)).scalars())

    async def jobs(self, execution_id: uuid.UUID) -> list[Job]:
        """All jobs of a locked execution, in order of creation; they are only read."""
        # Rows with the columns of a job: entities of a large execution would cost far more.
        rows = (await self._session.execute(_JOBS_OF, {"wanted": execution_id})).all()
        return cast(list[Job], rows)

    async def insert_jobs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """New jobs, one statement."""
        if rows:
            await self._session.execute(_INSERT_JOBS, list(rows))

    async def update_job(self, job_id: uuid.UUID, values: Mapping[str, Any]) -> None:
        """Change one job of a locked execution."""
        await self._update(_JOBS, job_id, values)

    async def update_jobs(self, changes: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
        """Change jobs of a locked execution, each in its own columns; eight are one statement."""
        items = list(changes.items())
        for begin in range(0, len(items), MOST_TOGETHER):
            some = items[begin : begin + MOST_TOGETHER]
            if len(some) == 1:
                await self.update_job(*some[0])
            else:
                await self._update_together(some)

    async def _update_together(
        self, changes: Sequence[tuple[uuid.UUID, Mapping[str, Any]]]
    ) -> None:
        bound: dict[str, Any] = {}
        for place, (job_id, values) in enumerate(changes):
            bound[f"job_{place}"] = job_id
            bound |= {f"new_{place}_{name}": value for name, value in values.items()}
        statement = _update_together(tuple(tuple(values) for _, values in changes))
        await self._session.execute(statement, bound)

    async def update_execution(self, execution_id: uuid.UUID, values: Mapping[str, Any]) -> None:
        """Change a locked execution."""
        await self._update(_EXECUTIONS, execution_id, values)

    async def _update(self, table: Table, row_id: uuid.UUID, values: Mapping[str, Any]) -> None:
        bound = {f"new_{name}": value for name, value in values.items()}
        await self._session.execute(_update_of(table, tuple(values)), {"wanted": row_id, **bound})

    async def archive_execution(self, execution: Execution) -> None:
        """Keep the attempt of a locked execution that is about to be replaced."""
        values = {
            "execution_id": execution.id,
            "attempt": execution.attempt,
            "status": str(execution.status),
            "reason": execution.reason,
            "title": execution.title,
            "inputs": execution.inputs,
            "actor": str(execution.github.get("triggering_actor", execution.actor))[:100],
            "finished_at": execution.finished_at,
        }
        await self._session.execute(insert(_EXECUTION_ATTEMPTS).values(**values))

    async def archive(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep attempts that are about to be replaced."""
        if rows:
            await self._session.execute(_INSERT_ATTEMPTS, list(rows))

    async def append_events(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append to the history; `seq` is given by the caller, who holds the lock."""
        if rows:
            await self._session.execute(_INSERT_EVENTS, list(rows))

    async def write_steps(
        self, rows: Sequence[Mapping[str, Any]], *, changes: Collection[str]
    ) -> None:
        """New and changed steps in one statement.

        Parameters: all rows have the same columns; `changes` are those that are written when the
        step exists already.
        """
        is_sqlite = self._session.get_bind().dialect.name == "sqlite"
        statement = _write_steps(tuple(changes), is_sqlite=is_sqlite)
        await self._session.execute(statement, list(rows))

    async def end_open_steps(
        self, job_ids: Sequence[uuid.UUID], *, status: str, reason: str
    ) -> None:
        """End the steps that a replaced or ended attempt left open; their logs are incomplete."""
        statement = (
            update(_STEPS)
            .where(_STEPS.c.job_id.in_(job_ids), _STEPS.c.status.in_(("pending", "running")))
            .values(
                status=status,
                outcome=status,
                conclusion=status,
                reason=reason,
                finished_at=db_now(),
                complete=False,
            )
        )
        await self._session.execute(statement)
