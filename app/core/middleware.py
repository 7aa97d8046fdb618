"""Pure ASGI middleware. The order is that of `app.main.create_app`."""

import re
from collections.abc import Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clock import new_id
from app.core.errors import AnsFlowError, PayloadTooLarge
from app.core.logging import logger
from app.core.origin import set_origin
from app.core.problems import respond

log = logger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id_of(given: str) -> str:
    """The id of a request: the one that its caller gives, if it may be one, or a new one."""
    return given if _REQUEST_ID.fullmatch(given) else new_id().hex


class RequestContext:
    """Gives each request an id, for its logs and its response.

    An id that the caller sends is kept, so that one id follows a request through proxies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = request_id_of(given)
        scope.setdefault("state", {})["request_id"] = request_id
        set_origin(scope, request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id, path=scope["path"]):
            await self.app(scope, receive, send_with_id)


class SecurityHeaders:
    """Sets headers on responses that do not set them themselves."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self.app = app
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [header for header in self._headers if header[0] not in present]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, send_secured)


class ErrorBoundary:
    """The outermost place where an error can stop: logged once, answered with a 500 problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_watched)
        except AnsFlowError as error:
            # Raised by middleware, where no exception handler is near.
            if started:
                raise
            await respond(error)(scope, receive, send)
        except Exception:
            log.exception("request_failed", method=scope["method"])
            if started:
                raise
            await respond(_internal(scope))(scope, receive, send)


def _internal(scope: Scope) -> AnsFlowError:
    request_id = scope["state"]["request_id"]
    return AnsFlowError(
        f"This is a defect of the server. The log has it under request id {request_id}.",
        request_id=request_id,
    )


class BodyLimit:
    """Refuses bodies that are larger than allowed, also those without a length."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_bytes:
            await respond(self._too_large())(scope, receive, send)
            return
        counted = _CountedBody(receive, send, self.max_bytes)
        try:
            await self.app(scope, counted.receive, counted.send)
        except PayloadTooLarge:
            if counted.started:
                raise
        if counted.exceeded and not counted.started:
            await respond(self._too_large())(scope, receive, send)

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"the body may have at most {self.max_bytes} bytes")


class _CountedBody:
    """One request whose body is counted while it is read."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive, self._send, self._left = receive, send, max_bytes
        self.started = self.exceeded = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.exceeded = True
                raise PayloadTooLarge
        return message

    async def send(self, message: Message) -> None:
        # The framework answers 400 when reading the body fails; ours is the better answer.
        if self.started or not self.exceeded:
            self.started = True
            await self._send(message)
