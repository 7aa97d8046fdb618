"""One-time tickets: for pages that cannot send a header when they open a socket."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from app.auth.principals import Principal, Scope
from app.core.crypto import new_token, token_digest
from app.core.errors import Unauthenticated, Unavailable
from app.core.redis import Namespace, Namespaces, RedisAway
from app.core.redis.keys import socket_ticket


class TicketIsInvalid(Unauthenticated):
    """Used, expired or never given."""

    code, title = "invalid_ticket", "The ticket is used, expired or unknown"


class Tickets:
    """Kept in Redis under their digest, for 30 s, and taken out by their first use."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._client = namespaces[Namespace.DEFAULT]

    async def issue(self, principal: Principal) -> tuple[str, float]:
        """A ticket for this principal, and for how many seconds it is good.

        Raises: Unavailable when Redis is away.
        """
        ticket = new_token()
        key = socket_ticket(token_digest(ticket))
        value = json.dumps(_to_json(principal))
        try:
            name = self._client.name(key)
            await self._client.run(lambda redis: redis.set(name, value, ex=int(key.ttl_s)))
        except RedisAway:
            raise Unavailable(
                "tickets cannot be given now: open the socket with a bearer token or a session"
            ) from None
        return ticket, key.ttl_s

    async def redeem(self, ticket: str) -> Principal:
        """Who got this ticket.

        Raises: TicketIsInvalid; Unavailable when Redis is away.
        """
        name = self._client.name(socket_ticket(token_digest(ticket)))
        try:
            value = await self._client.run(lambda redis: redis.getdel(name))
        except RedisAway:
            raise Unavailable("tickets cannot be checked now") from None
        if value is None:
            raise TicketIsInvalid
        return _from_json(json.loads(value))


def _to_json(principal: Principal) -> dict[str, Any]:
    return {
        "user_id": str(principal.user_id),
        "name": principal.name,
        "is_administrator": principal.is_administrator,
        "scopes": sorted(principal.scopes),
        "how": principal.how,
        "credential_id": str(principal.credential_id),
        "expires_at": principal.expires_at and principal.expires_at.isoformat(),
        "project_id": principal.project_id and str(principal.project_id),
        "project_role": principal.project_role,
    }


def _from_json(value: dict[str, Any]) -> Principal:
    expires_at, project_id = value["expires_at"], value["project_id"]
    return Principal(
        user_id=UUID(value["user_id"]),
        name=value["name"],
        is_administrator=value["is_administrator"],
        scopes=frozenset(Scope(scope) for scope in value["scopes"]),
        how=value["how"],
        credential_id=UUID(value["credential_id"]),
        expires_at=expires_at and datetime.fromisoformat(expires_at),
        project_id=project_id and UUID(project_id),
        project_role=value["project_role"],
    )
