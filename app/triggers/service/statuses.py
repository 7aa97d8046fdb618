"""Tells forges how the executions of their commits stand: only the latest state counts."""

from app.core.db import Database
from app.core.logging import logger
from app.core.sealing import MasterKeys
from app.engine.states import ExecutionStatus
from app.jobs.catalog import ReportStatus
from app.triggers.forges.api import ApiRequest, CommitState, has_api, status_request
from app.triggers.repository.statuses import Reported, StatusRepository
from app.triggers.service.calling import ForgeRefused, call
from app.triggers.service.syncing import Surroundings
from app.triggers.service.tokens import Login, login_of

log = logger(__name__)
TAKEN_S = 60.0
"""For how long one process may be telling the forge; longer than its request can take."""

_STATES = {
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
    request = _request(reported, login, around)
    state = state_of(reported.execution.status)
    if request is None or reported.status.sent == state:
        return None
    try:
        await call(request, allow_private=around.allow_private)
    except ForgeRefused as error:
        log.warning("status_refused", execution_id=str(message.execution_id), why=str(error))
        return None
    return state


def _request(reported: Reported, login: Login | None, around: Surroundings) -> ApiRequest | None:
    execution, repository = reported.execution, reported.repository
    if login is None or execution.sha is None or not has_api(repository.forge):
        return None
    words = f"#{execution.number} {execution.status.value}"
    return status_request(
        repository,
        login.token,
        sha=execution.sha,
        state=state_of(execution.status),
        context=reported.status.context,
        description=f"{words}: {execution.reason}" if execution.reason else words,
        target_url=f"{around.server_url}/api/v1/executions/{execution.id}",
    )


def state_of(status: ExecutionStatus) -> CommitState:
    """What a forge calls it."""
    return _STATES.get(status, CommitState.PENDING)
