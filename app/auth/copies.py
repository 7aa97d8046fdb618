"""Copies of sessions in Redis: a request with a cookie then needs no query.

A copy is believed for a short time after its row proved it, and never by a process that may have
missed the end of a session in the meantime: such a process asks the rows until every copy from
before has run out. So it does not matter what a flushed or restored Redis holds.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from app.auth.principals import ALL_SCOPES, Principal
from app.core.db import AsyncSession, Database, after_commit
from app.core.metrics import cache_requests
from app.core.redis import NamespaceClient, RedisAway, keys, stop_task
from app.events import EventBus, Message, topics
from app.events.bus import decoded

BELIEVED_S = 60.0
_FORGOTTEN_AT = 1000


@dataclass(frozen=True, slots=True)
class Clocks:
    """`monotonic` for how long something is ago here, `wall` for what other hosts wrote."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class RedisSessionCopies:
    """See `SessionCopies`. Belongs to one event loop.

    Parameters: `client` is the namespace `session`; `believed_s` is how long a copy lives;
    `is_listening` says whether the end of a session would be heard now.
    """

    def __init__(
        self,
        client: NamespaceClient,
        *,
        believed_s: float = BELIEVED_S,
        is_listening: Callable[[], bool] = lambda: True,
        clocks: Clocks = Clocks(),
    ) -> None:
        self._client = client
        self._believed_s = believed_s
        self._is_listening = is_listening
        self._clocks = clocks
        self._users_from: dict[uuid.UUID, float] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        # What ended before this process began to listen was not heard either.
        self.disbelieve(None)

    async def get(self, digest: str) -> Principal | None:
        """The session's user when a row proved it a short time ago; None when Redis is away."""
        known = None
        if self._believes(None) and self._is_listening():
            known = await self._read(digest)
        if known is not None and not self._believes(known.user_id):
            known = None
        self._count(is_hit=known is not None)
        return known

    async def put(self, digest: str, principal: Principal) -> None:
        """Remember what the row proved just now; nothing when Redis is away."""
        if not self._believes(principal.user_id):
            return
        key = keys.session(digest, self._believed_s)
        name, text = self._client.name(key), _encode(principal, at=self._clocks.wall())
        ttl_ms = max(1, round(key.ttl_s * 1000))
        try:
            await self._client.run(lambda redis: redis.set(name, text, px=ttl_ms))
        except RedisAway:
            self.disbelieve(None)

    def disbelieve(self, user_ids: Iterable[uuid.UUID] | None) -> None:
        """Ask the rows about these users (None: about all) until no copy from before is left."""
        # Twice: a copy may be written some time after its row was read.
        now = self._clocks.monotonic()
        until = now + 2 * self._believed_s
        if user_ids is None:
            self._all_from = until
            self._users_from.clear()
            return
        if len(self._users_from) >= _FORGOTTEN_AT:
            self._users_from = {id_: at for id_, at in self._users_from.items() if at > now}
        self._users_from.update(dict.fromkeys(user_ids, until))

    def hear(self, message: Message) -> None:
        """Take a message of the topic of rights."""
        user_ids = decoded(message).get("user_ids")
        self.disbelieve(None if user_ids is None else [uuid.UUID(id_) for id_ in user_ids])

    def lost_messages(self) -> None:
        """Messages may not have come."""
        self.disbelieve(None)

    def forget(self, user_id: uuid.UUID, digests: Sequence[str]) -> None:
        """These sessions of a user have ended: also for processes that do not hear of it."""
        self.disbelieve([user_id])
        if digests:
            self._spawn(self._delete(digests))

    def listen(self, bus: EventBus) -> None:
        """Hear of sessions that end in other processes; returns at once, also without Redis."""
        bus.on_restored(self.lost_messages)
        self._spawn(bus.subscribe(topics.RIGHTS, self.hear))

    async def close(self) -> None:
        """Give up deletions that are under way: what is left runs out."""
        for task in tuple(self._tasks):
            await stop_task(task)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _believes(self, user_id: uuid.UUID | None) -> bool:
        now = self._clocks.monotonic()
        if now < self._all_from:
            return False
        return user_id is None or now >= self._users_from.get(user_id, 0.0)

    async def _read(self, digest: str) -> Principal | None:
        name = self._client.name(keys.session(digest, self._believed_s))
        try:
            text = await self._client.run(lambda redis: redis.get(name))
        except RedisAway:
            # Whoever ended a session meanwhile could not say so.
            self.disbelieve(None)
            return None
        found = None if text is None else _decode(text)
        if found is None:
            return None
        principal, at = found
        # Redis ends it as well, but a restored one may count its time anew.
        return principal if abs(self._clocks.wall() - at) <= self._believed_s else None

    async def _delete(self, digests: Sequence[str]) -> None:
        names = [self._client.name(keys.session(each, self._believed_s)) for each in digests]
        try:
            await self._client.run(lambda redis: redis.delete(*names))
        except RedisAway:
            self.disbelieve(None)

    def _count(self, *, is_hit: bool) -> None:
        self._client.counters.hits += is_hit
        self._client.counters.misses += not is_hit
        cache_requests.labels("session", "hit" if is_hit else "miss").inc()


def _encode(principal: Principal, *, at: float) -> str:
    fields = {
        "at": at,
        "user_id": str(principal.user_id),
        "name": principal.name,
        "is_administrator": principal.is_administrator,
        "session_id": str(principal.credential_id),
    }
    return json.dumps(fields)


def _decode(text: str | bytes) -> tuple[Principal, float] | None:
    """The inverse of `_encode`; None for what another version may have written."""
    try:
        fields: Mapping[str, Any] = json.loads(text)
        principal = Principal(
            user_id=uuid.UUID(fields["user_id"]),
            name=str(fields["name"]),
            is_administrator=fields["is_administrator"] is True,
            scopes=ALL_SCOPES,
            how="session",
            credential_id=uuid.UUID(fields["session_id"]),
        )
        return principal, float(fields["at"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def open_copies(
    client: NamespaceClient,
    database: Database,
    bus: EventBus,
    *,
    session_idle_s: float,
    clocks: Clocks = Clocks(),
) -> RedisSessionCopies:
    """Copies that forget what ends here and elsewhere.

    Parameters: `client` is the namespace `session`; `session_idle_s` is the idle time-out of
    sessions in seconds.
    """
    copies = RedisSessionCopies(
        client,
        # That a session is in use must be written to its row in time, and a copy hides it.
        believed_s=min(BELIEVED_S, session_idle_s / 4),
        is_listening=lambda: bus.is_listening,
        clocks=clocks,
    )
    _COPIES[database.engine.sync_engine] = copies
    copies.listen(bus)
    return copies


_COPIES: WeakKeyDictionary[Any, RedisSessionCopies] = WeakKeyDictionary()


def forget_after_commit(
    session: AsyncSession, user_id: uuid.UUID, digests: Sequence[str] = ()
) -> None:
    """After the commit, believe no copy of this user's sessions; delete those of `digests`."""
    copies = _COPIES.get(session.get_bind())
    if copies is not None:
        after_commit(session, partial(copies.forget, user_id, tuple(digests)))
