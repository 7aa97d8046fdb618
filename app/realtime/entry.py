"""The sockets' addresses, as a pure ASGI layer outside all others.

It is outermost because the layers inside wrap `send`, and a wrapped `send` cannot write a frame
that was encoded once for all sockets.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.authentication import Authenticator
from app.auth.cookies import COOKIE, refuse_cross_site
from app.auth.principals import Principal, require_scope
from app.auth.principals import Scope as Right
from app.core.errors import AnsFlowError, Unauthenticated
from app.realtime.access import TopicAccess
from app.realtime.admission import Admission
from app.realtime.connections import Connections
from app.realtime.host import HostSampler
from app.realtime.hub import Hub
from app.realtime.socket import Socket, SocketOptions
from app.realtime.tickets import Tickets
from app.realtime.topics import TopicIsUnknown, TopicKind, TopicName
from app.settings import Settings

_END_S = 1.0


@dataclass(slots=True)
class Realtime:
    """The realtime parts of one process; `app.state.runtime.realtime`."""

    hub: Hub
    access: TopicAccess
    connections: Connections
    tickets: Tickets
    options: SocketOptions
    host: HostSampler
    admission: Admission


class RealtimeSockets:
    """Answers WebSockets under `/ws`; everything else goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or not _is_ours(scope["path"]):
            await self.app(scope, receive, send)
            return
        runtime = scope["app"].state.runtime
        realtime: Realtime = runtime.realtime
        try:
            async with realtime.admission.turn():
                heard = realtime.connections.changes
                principal = await _authenticate(
                    HTTPConnection(scope), runtime.authenticator, runtime.settings, realtime.tickets
                )
                fixed = topic_of(scope["path"], principal)
                if fixed is not None:
                    await realtime.access.require(principal, fixed)
        except AnsFlowError as error:
            await _deny(receive, send, error)
            return
        await _serve(realtime, principal, fixed, heard, scope, receive, send)


def _is_ours(path: str) -> bool:
    return path == "/ws" or path.startswith("/ws/")


async def _serve(
    realtime: Realtime,
    principal: Principal,
    fixed: TopicName | None,
    heard: int,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    socket = Socket(realtime.hub, realtime.access, principal, send, realtime.options, fixed=fixed)
    realtime.connections.add(socket)
    try:
        if fixed is not None:
            # Rights that change from here on are asked for again with all other sockets'.
            is_permitted = realtime.connections.changes == heard
            since = _query(scope).get("since")
            socket.subscribe(fixed, since=since, is_permitted=is_permitted)
        await socket.run(receive)
    finally:
        realtime.connections.remove(socket)


def _query(scope: Scope) -> dict[str, str]:
    parsed = parse_qs(scope["query_string"].decode("latin-1"))
    return {name: values[-1] for name, values in parsed.items()}


async def _authenticate(
    connection: HTTPConnection, authenticator: Authenticator, settings: Settings, tickets: Tickets
) -> Principal:
    """By ticket, bearer token or session cookie, in this order; nobody is anonymous here.

    A cookie is only believed from our own pages: any page may open a socket, and the browser
    sends the cookie along.
    Raises: Unauthenticated, CrossSiteRequest, InsufficientScope, Unavailable.
    """
    ticket = _query(connection.scope).get("ticket")
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    cookie = connection.cookies.get(COOKIE)
    if ticket is not None:
        principal: Principal | None = await tickets.redeem(ticket)
    elif scheme.lower() == "bearer":
        principal = await authenticator.by_token(token.strip())
    elif cookie is not None:
        refuse_cross_site(connection, settings, always=True)
        principal = await authenticator.by_session(cookie)
    else:
        principal = None
    if principal is None:
        raise Unauthenticated("open the socket with a bearer token, a session or a ticket")
    require_scope(principal, Right.READ)
    return principal


def topic_of(path: str, principal: Principal) -> TopicName | None:
    """The topic of a shortcut address; None for `/ws` itself.

    Raises: TopicIsUnknown for any other address.
    """
    match path.split("/")[2:]:
        case [] | [""]:
            return None
        case ["system"]:
            return TopicName(TopicKind.SYSTEM, None)
        case ["users", "me"]:
            return TopicName(TopicKind.USER, principal.user_id)
        case ["executions", text]:
            return TopicName(TopicKind.EXECUTION, _id(text))
        case ["pipelines", text]:
            return TopicName(TopicKind.PIPELINE, _id(text))
        case ["projects", text]:
            return TopicName(TopicKind.PROJECT, _id(text))
        case ["jobs", text, "logs"]:
            return TopicName(TopicKind.JOB_LOG, _id(text))
    raise TopicIsUnknown(f"there is no socket at {path[:100]}")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise TopicIsUnknown(f"{text[:50]!r} is no id") from None


async def _deny(receive: Receive, send: Send, error: AnsFlowError) -> None:
    """Refuse the handshake with a status and a problem document."""
    await receive()
    body = json.dumps(error.problem()).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        *(
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in error.headers.items()
        ),
    ]
    start: dict[str, Any] = {
        "type": "websocket.http.response.start",
        "status": error.status,
        "headers": headers,
    }
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
    # uvicorn logs a refusal as an error unless the connection has ended when this returns: first
    # comes its own disconnect, then the one of the transport.
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            for _ in range(2):
                await receive()
