"""One socket: its commands, its subscriptions, its end. It holds no database session."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.auth.principals import Principal
from app.core.clock import utcnow
from app.core.errors import AnsFlowError, Unavailable
from app.realtime.codes import CloseCode
from app.realtime.commands import (
    MAX_FRAME,
    Allowance,
    FrameIsMalformed,
    Ping,
    Subscribe,
    Unsubscribe,
    parse_command,
)
from app.realtime.frames import Frame, control
from app.realtime.hub import Hub
from app.realtime.outlet import Outlet, Send
from app.realtime.topics import TopicIsUnknown, TopicName, parse_topic

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_SUBSCRIPTIONS = 200
_MALFORMED_AT_MOST = 20
_SLOW_AGAIN_S = 10.0


class Access(Protocol):
    """Who may watch what."""

    async def require(self, principal: Principal, name: TopicName) -> None:
        """Raises: TopicIsUnknown when this principal may not know of the topic; Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """Seconds and numbers of frames."""

    max_lifetime_s: float = 6 * 3600.0
    queue_frames: int = 256


class Socket:
    """A client that is connected and authenticated.

    Parameters: `fixed` is the topic of a shortcut address; losing it ends the socket.
    """

    def __init__(
        self,
        hub: Hub,
        access: Access,
        principal: Principal,
        send: Send,
        options: SocketOptions,
        *,
        fixed: TopicName | None = None,
    ) -> None:
        self.principal = principal
        self.fixed = fixed
        self.kind = "all" if fixed is None else fixed.kind.value
        self.transport = "socket"
        self.subscribed: dict[TopicName, asyncio.Task[None] | None] = {}
        self._hub, self._access = hub, access
        self._outlet = Outlet(send, max_frames=options.queue_frames, overflowed=self._overflowed)
        self._allowance = Allowance(rate=50, burst=500)
        self._malformed = 0
        self._slow_at: float | None = None
        # Spread, so that clients that came all at once do not leave all at once.
        lifetime_s = options.max_lifetime_s * random.uniform(0.9, 1.0)  # noqa: S311  no secret
        self._timers = [asyncio.get_running_loop().call_later(lifetime_s, self._outlived)]
        if principal.expires_at is not None:
            left_s = max(0.0, (principal.expires_at - utcnow()).total_seconds())
            self._timers.append(
                asyncio.get_running_loop().call_later(left_s, self._credential_expired)
            )

    @property
    def watched(self) -> tuple[TopicName, ...]:
        return tuple(self.subscribed)

    # out

    def deliver(self, frame: Frame) -> None:
        self._outlet.put(frame)

    async def drained(self) -> None:
        await self._outlet.drained()

    def _overflowed(self) -> None:
        now = time.monotonic()
        again = self._slow_at is not None and now - self._slow_at < _SLOW_AGAIN_S
        self._slow_at = now
        lost = [str(name) for name in self.subscribed]
        for name in tuple(self.subscribed):
            self.unsubscribe(name)
        self._hub.resyncs += 1
        if again:
            self.close(CloseCode.SLOW)
        else:
            self._outlet.put(
                control("resync", topics=lost, detail="too slow: subscribe again with `since`")
            )

    def _outlived(self) -> None:
        self._outlet.put(control("reconnect", detail="maximum lifetime: connect again and resume"))
        self.close(CloseCode.RECONNECT)

    def _credential_expired(self) -> None:
        self.close(CloseCode.CREDENTIAL_ENDED)

    def close(self, code: CloseCode) -> None:
        """End it with a code, soon."""
        for name in tuple(self.subscribed):
            self.unsubscribe(name)
        self._hub.spawn(self._outlet.close(code, code.name.lower()))

    # in

    async def run(self, receive: Receive) -> None:
        """Do what the client asks until it or we close."""
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                self._take(message.get("text"), message.get("bytes"))
        finally:
            for timer in self._timers:
                timer.cancel()
            for name in tuple(self.subscribed):
                self.unsubscribe(name)
            await self._outlet.end()

    def _take(self, text: str | None, data: bytes | None) -> None:
        if self._outlet.is_closed:
            return
        if not self._allowance.take():
            self.close(CloseCode.FLOODING)
        elif len(text or data or "") > MAX_FRAME:
            self.close(CloseCode.TOO_BIG)
        else:
            try:
                self._obey(text)
            except FrameIsMalformed as error:
                self._refuse(error)
                self._malformed += 1
                if self._malformed >= _MALFORMED_AT_MOST:
                    self.close(CloseCode.MALFORMED)
            except AnsFlowError as error:
                self._refuse(error)

    def _obey(self, text: str | None) -> None:
        if text is None:
            raise FrameIsMalformed("binary frames are not understood: send JSON text")
        command = parse_command(text)
        match command:
            case Ping():
                self.deliver(control("pong", id=command.id))
            case Unsubscribe():
                name = parse_topic(command.topic)
                self.unsubscribe(name)
                self.deliver(control("unsubscribed", str(name), id=command.id))
            case Subscribe():
                since = None if command.since is None else str(command.since)
                self.subscribe(parse_topic(command.topic), since=since, command_id=command.id)

    def subscribe(
        self,
        name: TopicName,
        *,
        since: str | None = None,
        command_id: int | str | None = None,
        is_permitted: bool = False,
    ) -> None:
        """Begin to watch a topic; what goes wrong becomes an `error` frame.

        Parameters: `is_permitted` says that the right was asked for a moment ago.
        """
        if name in self.subscribed:
            self.unsubscribe(name)
        if len(self.subscribed) >= MAX_SUBSCRIPTIONS:
            self._refuse(
                TopicIsUnknown(f"at most {MAX_SUBSCRIPTIONS} subscriptions on one socket"),
                code="too_many_subscriptions",
                id=command_id,
            )
            return
        self.subscribed[name] = None
        self.subscribed[name] = self._hub.spawn(
            self._subscribe(name, since, command_id, is_permitted=is_permitted)
        )

    async def _subscribe(
        self,
        name: TopicName,
        since: str | None,
        command_id: int | str | None,
        *,
        is_permitted: bool,
    ) -> None:
        try:
            if not is_permitted:
                await self._access.require(self.principal, name)
            await self._hub.subscribe(self, name, since=since)
        except AnsFlowError as error:
            self.subscribed.pop(name, None)
            self._refuse(error, topic=str(name), id=command_id)
            if name == self.fixed:
                away = isinstance(error, Unavailable)
                self.close(CloseCode.TRY_AGAIN if away else CloseCode.RIGHTS_LOST)

    def unsubscribe(self, name: TopicName) -> None:
        """Watch a topic no more, or stop beginning to."""
        task = self.subscribed.pop(name, None)
        if task is None:
            return
        if task.done():
            self._hub.unsubscribe(self, name)
        else:
            # Cancelled in the middle, the hub forgets it.
            task.cancel()

    def lose(self, name: TopicName) -> None:
        """The right to watch this topic is gone."""
        self.unsubscribe(name)
        self.deliver(control("revoked", str(name), detail="you may no longer watch this"))
        if name == self.fixed:
            self.close(CloseCode.RIGHTS_LOST)

    def _refuse(self, error: AnsFlowError, *, code: str | None = None, **more: Any) -> None:
        problem = {"code": code or error.code, "detail": error.detail, **more}
        self.deliver(control("error", **problem))
