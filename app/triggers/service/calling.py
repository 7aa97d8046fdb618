"""Sends requests to forges: to the address that was looked at, without redirects, within a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.core.addresses import AddressRefused, resolve
from app.core.clock import utcnow
from app.jobs.retries import TryLater
from app.triggers.forges.api import ApiRequest

TIMEOUT_S = 15.0
WHOLE_S = 45.0
"""How long a forge may be silent, and how long one answer may take in all."""

_MAX_ANSWER = 1 << 20
_PORTS = {"http": 80, "https": 443}
_TRY_AGAIN = frozenset({408, 425, 429})
_SAID = 200


class ForgeUnreachable(TryLater):
    """It did not work this time; it may later."""


class ForgeRefused(Exception):
    """The forge, or we ourselves, will not do it: repeating changes nothing.

    `status` is the answer's, None when there is none; `headers` have small letters.
    """

    def __init__(
        self, text: str, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Connection:
    """One forge: its origin, the address that was looked at, and the connections to it."""

    client: httpx.AsyncClient
    origin: tuple[str, str, int]
    address: str

    async def send(self, request: ApiRequest, *, max_answer: int = _MAX_ANSWER) -> bytes:
        """The body of a successful answer of at most `max_answer` bytes.

        Raises: ForgeUnreachable, ForgeRefused.
        """
        url = httpx.URL(request.url)
        if _origin(url) != self.origin:
            raise ForgeRefused("the address is not on this forge")
        sent = httpx.Request(
            request.method,
            url.copy_with(host=self.address),
            headers={
                **request.headers,
                "Host": url.netloc.decode("ascii"),
                "User-Agent": "AnsFlow",
            },
            json=request.json,
            extensions={"sni_hostname": url.host},
        )
        try:
            # Also a server that sends a byte now and then must come to an end.
            async with asyncio.timeout(WHOLE_S):
                response = await self.client.send(sent, stream=True)
                try:
                    return await _answer(response, max_answer)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            raise ForgeUnreachable(str(error) or type(error).__name__) from error


@asynccontextmanager
async def connected(base: str, *, allow_private: bool) -> AsyncIterator[Connection]:
    """Connections to the forge whose API has the address `base`.

    Raises: ForgeRefused: this address is not called.
    """
    url = httpx.URL(base)
    if url.scheme not in _PORTS:
        raise ForgeRefused(f"{url.scheme}:// has no API: set `api_url`")
    if url.scheme != "https" and not allow_private:
        raise ForgeRefused(f"{url.scheme}:// is not allowed here: use https://")
    origin = _origin(url)
    try:
        address = await resolve(url.host, origin[2], allow_private=allow_private)
    except AddressRefused as error:
        raise ForgeRefused(str(error)) from None
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
        yield Connection(client, origin, address)


async def call(request: ApiRequest, *, allow_private: bool) -> Any:
    """Send a request; returns the JSON of the answer, None when it has none.

    Raises: ForgeUnreachable, ForgeRefused.
    """
    async with connected(request.url, allow_private=allow_private) as connection:
        body = await connection.send(request)
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0)


async def _answer(response: httpx.Response, max_answer: int) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > max_answer:
            raise ForgeRefused("the forge's answer is too large")
    if response.is_success:
        return body
    status, headers = response.status_code, response.headers
    said = f"the forge answered {status}: {body[:_SAID].decode(errors='replace')}"
    if status >= 500 or status in _TRY_AGAIN or _is_limited(response):
        raise ForgeUnreachable(said, after_s=_pause_s(headers))
    raise ForgeRefused(said, status=status, headers=headers)


def _is_limited(response: httpx.Response) -> bool:
    """GitHub says 403 when there were too many requests."""
    headers = response.headers
    return response.status_code == httpx.codes.FORBIDDEN and (
        "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    )


def _pause_s(headers: Mapping[str, str]) -> float | None:
    """How many seconds the forge wants to be left alone; None when it does not say."""
    now, wanted = utcnow(), headers.get("retry-after", "")
    try:
        if wanted:
            at = None if wanted.isdecimal() else parsedate_to_datetime(wanted)
            if at is None:
                return float(wanted)
            return max((at.astimezone(UTC) - now).total_seconds(), 0.0)
        if headers.get("x-ratelimit-remaining") == "0":
            return max(float(headers.get("x-ratelimit-reset", "")) - now.timestamp(), 0.0)
    except (ValueError, OverflowError):
        return None
    return None
