"""Who may watch what, asked for each subscription and again when rights change."""

import asyncio
import uuid

from sqlalchemy import ColumnElement, or_, select, true

from app.auth.authentication import session_principal, token_principal
from app.auth.models import ApiToken, LoginSession, User
from app.auth.principals import Principal
from app.core.clock import db_now
from app.core.db import Database, ReadSession
from app.executions.models import Execution, Job
from app.pipelines.models import Pipeline
from app.projects.models import Project
from app.projects.repository import permitted
from app.projects.rights import Action
from app.realtime.topics import TopicIsUnknown, TopicKind, TopicName

_READS_AT_ONCE = 4
"""Thousands of subscriptions wait here and not in the pool, which would give up on them."""


class TopicAccess:
    """The rights of sockets and streams, from the database.

    Parameters: `session_idle_s` is the idle time-out of sessions in seconds.
    """

    def __init__(self, database: Database, *, session_idle_s: float) -> None:
        self._database = database
        self._idle_s = session_idle_s
        self._slots = asyncio.Semaphore(_READS_AT_ONCE)

    async def require(self, principal: Principal, name: TopicName) -> None:
        """Return when this principal may watch this topic.

        Raises: TopicIsUnknown when it may not know of it; Unavailable.
        """
        if not await self.may_watch(principal, name):
            raise TopicIsUnknown(f"there is no {name}")

    async def may_watch(self, principal: Principal, name: TopicName) -> bool:
        """Raises: Unavailable when the database is away."""
        if name.kind is TopicKind.SYSTEM:
            return principal.is_administrator
        if name.kind is TopicKind.USER:
            return name.id == principal.user_id
        assert name.id is not None
        async with self._slots, self._database.read() as session:
            return await _is_permitted(session, principal, name.kind, name.id)

    async def renewed(self, principal: Principal) -> Principal | None:
        """The same principal as the database knows it now; None when its credential ended.

        Raises: Unavailable when the database is away.
        """
        async with self._database.read() as session:
            if principal.how == "token":
                return await _of_token(session, principal)
            return await _of_session(session, principal, self._idle_s)


async def _is_permitted(
    session: ReadSession, principal: Principal, kind: TopicKind, id_: uuid.UUID
) -> bool:
    match kind:
        case TopicKind.EXECUTION:
            found = select(Execution.id).where(
                Execution.id == id_,
                permitted(
                    Execution.project_id,
                    principal,
                    Action.EXECUTION_READ,
                    pipeline_id=Execution.pipeline_id,
                ),
            )
        case TopicKind.JOB_LOG:
            found = (
                select(Job.id)
                .join(Execution, Execution.id == Job.execution_id)
                .where(Job.id == id_, permitted(Execution.project_id, principal, Action.LOG_READ))
            )
        case TopicKind.PIPELINE:
            found = select(Pipeline.id).where(
                Pipeline.id == id_,
                permitted(
                    Pipeline.project_id, principal, Action.PIPELINE_READ, pipeline_id=Pipeline.id
                ),
            )
        case _:
            found = select(Project.id).where(
                Project.id == id_, permitted(Project.id, principal, Action.PIPELINE_READ)
            )
    return await session.scalar(found) is not None


async def _of_token(session: ReadSession, principal: Principal) -> Principal | None:
    is_valid = or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > db_now())
    row = (
        await session.execute(
            select(ApiToken, User)
            .join(User, User.id == ApiToken.user_id)
            .where(ApiToken.id == principal.credential_id, _is_active(), is_valid)
        )
    ).one_or_none()
    return None if row is None else token_principal(row[0], row[1])


async def _of_session(
    session: ReadSession, principal: Principal, idle_s: float
) -> Principal | None:
    row = (
        await session.execute(
            select(LoginSession, User)
            .join(User, User.id == LoginSession.user_id)
            .where(
                LoginSession.id == principal.credential_id,
                _is_active(),
                LoginSession.seen_at > db_now(-idle_s),
            )
        )
    ).one_or_none()
    return None if row is None else session_principal(row[0], row[1])


def _is_active() -> ColumnElement[bool]:
    return User.is_active == true()
