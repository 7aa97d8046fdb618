"""Entity tags on reads: a client that has the current body gets 304 and no body."""

from hashlib import blake2b

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_JSON = "application/json"


def etag_of(body: bytes) -> str:
    """The strong entity tag of a body."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str, etag: str) -> bool:
    """True when `If-None-Match` names this tag; weak and strong compare alike (RFC 9110)."""
    wanted = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in wanted or etag.removeprefix("W/") in wanted


class EntityTags:
    """Tags each JSON answer to a GET that has one part and no tag yet."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_taggable(message):
                start = message
                return
            if start is not None:
                held, start = start, None
                message = await _tagged(held, message, wanted, send)
            await send(message)

        await self.app(scope, receive, send_tagged)


def _is_taggable(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_json = headers.get("content-type", "").split(";")[0] == _JSON
    return start["status"] == 200 and is_json and "etag" not in headers


async def _tagged(start: Message, body: Message, wanted: str, send: Send) -> Message:
    """Send the start of the response; return the body message to send after it."""
    if body.get("more_body"):
        await send(start)
        return body
    etag = etag_of(body.get("body", b""))
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = etag
    if not matches(wanted, etag):
        await send({**start, "headers": headers.raw})
        return body
    del headers["content-length"]
    del headers["content-type"]
    await send({**start, "status": 304, "headers": headers.raw})
    return {"type": "http.response.body", "body": b""}
