"""Gives a claimed job the secrets and variables that are stored for it."""

import asyncio
import random
from dataclasses import replace

from app.core.db import Database
from app.core.errors import Unavailable
from app.core.sealing import MasterKeys
from app.credentials.service.resolving import Given, SecretUnreadable, resolve
from app.executions.service.claim import Claimed
from workers.runner.ports import Assignment, CancelSignal

NOT_GIVEN = "The secrets of the job were not read before it was to end."


async def give(
    database: Database,
    keys: MasterKeys,
    claimed: Claimed,
    signal: CancelSignal,
    assignment: Assignment,
) -> Assignment:
    """The assignment with what is stored for its job; what it has already comes before that.

    One that cannot get its secrets is unusable: it says why, and never runs without them. Costs no
    query where the claim has found that the project has no secret and the job no environment.
    """
    if not claimed.has_secrets and claimed.environment is None:
        return assignment
    try:
        given = await _resolved(database, keys, claimed, signal)
    except SecretUnreadable as error:
        return replace(assignment, unusable=str(error))
    if given is None:
        return replace(assignment, unusable=NOT_GIVEN)
    contexts = assignment.contexts
    if given.variables:
        contexts = {**contexts, "vars": {**(contexts.get("vars") or {}), **given.variables}}
    secrets = {**given.secrets, **assignment.secrets}
    return replace(assignment, contexts=contexts, secrets=secrets)


async def _resolved(
    database: Database, keys: MasterKeys, claimed: Claimed, signal: CancelSignal
) -> Given | None:
    """None when the job is to end before the database has answered."""
    delay_s = 0.2
    while True:
        try:
            return await resolve(
                database,
                keys,
                project_id=claimed.project_id,
                environment=claimed.environment,
                trusted=claimed.trusted,
            )
        except Unavailable:
            if signal.requested:
                return None
            await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))  # noqa: S311  jitter
            delay_s = min(delay_s * 2, 5.0)
