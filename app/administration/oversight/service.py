"""Looking after executions that run for very long, and after the tools of workers."""

from typing import Any

from app.administration.oversight.repository import LongRunning, OversightRepository
from app.core.db import AsyncSession, Database
from app.core.logging import logger
from app.events import UserNotified
from app.inbox.service import notify

log = logger(__name__)

LONG_RUNNING = "executions.long_running"
MOST = 500
_SHOWN = 100


async def tell_long_running(database: Database, *, limit_s: float) -> dict[str, Any]:
    """Tell who started an execution that it has run for more than `limit_s` seconds, once.

    Returns all that do. Raises: Unavailable.
    """
    async with database.read() as session:
        repository = OversightRepository(session)
        everything = await repository.long_running(limit_s=limit_s, limit=MOST)
        since_s = await repository.seconds_since(LONG_RUNNING)
    new = [one for one in everything if since_s is None or one.running_s - limit_s <= since_s]
    notices = [_notice(one) for one in new if one.triggered_by is not None]
    await database.transact(lambda session: notify(session, *notices))
    for one in new:
        log.warning("execution_runs_long", execution_id=str(one.id), running_s=one.running_s)
    return {
        "running": len(everything),
        "told": len(notices),
        "execution_ids": [str(one.id) for one in everything[:_SHOWN]],
    }


async def check_tools(database: Database) -> dict[str, Any]:
    """Have every worker see which tools it has, at its next sign of life.

    Raises: Unavailable.
    """

    async def write(session: AsyncSession) -> int:
        return await OversightRepository(session).want_tools()

    return {"workers": await database.transact(write)}


def _notice(one: LongRunning) -> UserNotified:
    assert one.triggered_by is not None, "there is somebody to tell"
    return UserNotified(
        user_id=one.triggered_by,
        kind="execution.long_running",
        title=f"{one.title[:200]} #{one.number} has been running for {one.running_s / 3600:.1f} h",
        link=f"/executions/{one.id}",
        execution_id=one.id,
    )
