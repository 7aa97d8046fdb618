"""Tells forges how the executions of their commits stand: only the latest state counts."""

import hashlib
from dataclasses import dataclass

from app.core.db import Database
from app.core.logging import logger
from app.core.sealing import MasterKeys
from app.engine.states import ExecutionStatus
from app.jobs.catalog import ReportStatus
from app.triggers.forges.api import ApiRequest, CommitState, has_api, status_request
from app.triggers.models import Forge
from app.triggers.repository.statuses import Reported, StatusRepository
from app.triggers.service.calling import ForgeRefused, call
from app.triggers.service.syncing import Surroundings
from app.triggers.service.tokens import Login, login_of

log = logger(__name__)
TAKEN_S = 60.0
"""For how long one process may be telling the forge; longer than its request can take."""

_STATES = {
    ExecutionStatus.RUNNING: CommitState.RUNNING,
    ExecutionStatus.CANCELLING: CommitState.RUNNING,
    ExecutionStatus.SUCCESS: CommitState.SUCCESS,
    ExecutionStatus.FAILURE: CommitState.FAILURE,
    ExecutionStatus.TIMED_OUT: CommitState.FAILURE,
    ExecutionStatus.CANCELLED: CommitState.CANCELLED,
}


class BeingTold(Exception):
    """Another process tells the forge about this execution at the moment: look again later."""


async def report(
    database: Database, keys: MasterKeys, message: ReportStatus, *, around: Surroundings
) -> None:
    """Tell the forge the state that the execution has now, unless it knows it.

    Raises: BeingTold, ForgeUnreachable: the message is to be repeated.
    """
    execution_id = message.execution_id
    async with database.read() as session:
        if await StatusRepository(session).find(execution_id) is None:
            return
    taken = await database.transact(
        lambda session: StatusRepository(session).take(execution_id, for_s=TAKEN_S)
    )
    if not taken:
        raise BeingTold(str(execution_id))
    sent: str | None = None
    try:
        sent = await _tell(database, keys, message, around)
    finally:
        await database.transact(
            lambda session: StatusRepository(session).release(execution_id, sent=sent)
        )


async def _tell(
    database: Database, keys: MasterKeys, message: ReportStatus, around: Surroundings
) -> str | None:
    """Returns what the forge knows now; None when it was told nothing."""
    async with database.read() as session:
        # Read after it was taken: nobody tells an older state later.
        reported = await StatusRepository(session).find(message.execution_id)
        if reported is None:
            return None
        login = await login_of(session, keys, reported.repository)
        waiting_for, did_nothing = await StatusRepository(session).of_jobs(reported.execution)
    if login is None or reported.execution.sha is None or not has_api(reported.repository.forge):
        return None
    told = _told(reported, waiting_for, did_nothing=did_nothing)
    if not told.is_news(reported):
        return None
    try:
        await call(told.request(reported, login, around), allow_private=around.allow_private)
    except ForgeRefused as error:
        log.warning("status_refused", execution_id=str(message.execution_id), why=str(error))
        return None
    return told.kept


@dataclass(frozen=True, slots=True)
class _Told:
    """What a forge is told of an execution."""

    state: CommitState
    description: str

    @property
    def kept(self) -> str:
        """What we remember of it."""
        return f"{self.state.value} {hashlib.sha256(self.description.encode()).hexdigest()[:16]}"

    def is_news(self, reported: Reported) -> bool:
        """Whether the forge does not know it yet."""
        known = reported.status.sent or ""
        if reported.repository.forge is Forge.GITLAB:
            # It refuses the state that it has, whatever the description says.
            return known.partition(" ")[0] != self.state.value
        return known != self.kept

    def request(self, reported: Reported, login: Login, around: Surroundings) -> ApiRequest:
        """The request that tells it."""
        assert reported.execution.sha is not None, "it was looked at"
        return status_request(
            reported.repository,
            login.token,
            sha=reported.execution.sha,
            state=self.state,
            context=reported.status.context,
            description=self.description,
            target_url=f"{around.server_url}/live#execution={reported.execution.id}",
        )


def _told(reported: Reported, waiting_for: str | None, *, did_nothing: bool) -> _Told:
    execution = reported.execution
    why = execution.reason or waiting_for
    if execution.status is ExecutionStatus.SUCCESS and did_nothing:
        why = why or "every job was skipped"
    words = f"#{execution.number} {execution.status.value}"
    return _Told(state_of(execution.status), f"{words}: {why}" if why else words)


def state_of(status: ExecutionStatus) -> CommitState:
    """What a forge calls it."""
    return _STATES.get(status, CommitState.PENDING)
