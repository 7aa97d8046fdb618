"""Leases are per claim: a worker process renews those whose runner is alive, in one UPDATE."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.core.clock import utcnow
from app.core.db import AsyncSession, Database
from app.executions.repository.claims import ClaimRepository


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal found.

    `held` maps tokens that still hold their job to the cancel level (0, 1 cancel, 2 kill);
    `gone` tokens were replaced: kill and stop. `offset` is the database's clock minus this host's.
    """

    held: Mapping[uuid.UUID, int]
    gone: frozenset[uuid.UUID]
    offset: timedelta


async def renew(database: Database, *, tokens: Collection[uuid.UUID], lease_s: float) -> Renewal:
    """Renew the leases of these claims for `lease_s` seconds from now.

    Cost: one UPDATE and one SELECT; without tokens only the SELECT of the clock.
    Raises: Unavailable when the database is away: nothing is known then, nothing is lost.
    """

    async def write(session: AsyncSession) -> Renewal:
        claims = ClaimRepository(session)
        before = utcnow()
        if not tokens:
            return Renewal({}, frozenset(), await claims.database_time() - before)
        await claims.renew(tokens, lease_s=lease_s)
        held, now = await claims.holds(tokens)
        offset = (now or await claims.database_time()) - utcnow()
        return Renewal(held, frozenset(tokens) - held.keys(), offset)

    return await database.transact(write)
