"""`http`: one request, its status checked."""

import asyncio
import re
from dataclasses import dataclass

import httpx

from workers.actions.addresses import resolve
from workers.actions.base import ActionCall, ActionFailed

MAX_BODY = 1 << 20
RETRY_AFTER_S = 1.0
_RANGE = re.compile(r"(\d{3})(?:-(\d{3}))?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to be sent."""

    method: str
    url: str
    headers: httpx.Headers
    content: bytes
    timeout_s: float


async def http(call: ActionCall) -> None:
    """Send the request; try again on a failed connection or an unexpected status."""
    expected = call.inputs.get("expected-status", "200-299")
    ranges = _ranges(expected)
    tries = int(call.number("retries")) + 1
    for attempt in range(1, tries + 1):
        try:
            status, body = await call.interruptible(_send(call))
        except httpx.HTTPError as error:
            problem = f"The request failed: {error or type(error).__name__}."
        else:
            await call.log(f"{call.inputs['method'].upper()} {call.inputs['url']}: {status}")
            if any(low <= status <= high for low, high in ranges):
                call.effects.outputs.update(status=str(status), body=body)
                return
            problem = f"The answer has status {status}, expected is {expected}."
        if attempt < tries:
            await call.log(f"{problem} Trying again ({attempt} of {tries - 1}).")
            await call.interruptible(asyncio.sleep(RETRY_AFTER_S))
    raise ActionFailed(problem)


async def _send(call: ActionCall) -> tuple[int, str]:
    wanted = Wanted(
        call.inputs["method"].strip().upper(),
        call.inputs["url"].strip(),
        httpx.Headers(_headers(call.inputs.get("headers", ""))),
        call.inputs.get("body", "").encode(),
        call.number("timeout-seconds"),
    )
    return await send(call, wanted)


async def send(call: ActionCall, wanted: Wanted) -> tuple[int, str]:
    """Send a request to an address that the job may call; status and body of the answer.

    Raises:
        ActionFailed: the address is not valid or not public, or the answer is too large.
        httpx.HTTPError: there was no answer.
    """
    try:
        url = httpx.URL(wanted.url)
    except httpx.InvalidURL as error:
        raise ActionFailed(f"Input 'url' is not valid: {error}.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ActionFailed("Input 'url' must begin with http:// or https:// and name a host.")
    port = url.port or (443 if url.scheme == "https" else 80)
    allow = call.attempt.run.settings.allow_private_addresses
    address = await resolve(url.host, port, allow_private=allow)
    wanted.headers.setdefault("Host", url.netloc.decode("ascii"))
    request = httpx.Request(
        wanted.method,
        url.copy_with(host=address),
        headers=wanted.headers,
        content=wanted.content,
        extensions={"sni_hostname": url.host},
    )
    async with httpx.AsyncClient(timeout=wanted.timeout_s, trust_env=False) as client:
        response = await client.send(request, stream=True)
        try:
            return response.status_code, await _body(response)
        finally:
            await response.aclose()


async def _body(response: httpx.Response) -> str:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_BODY:
            raise ActionFailed(f"The answer is larger than {MAX_BODY >> 20} MiB.")
        parts.append(part)
    return b"".join(parts).decode(response.encoding or "utf-8", "replace")


def _headers(text: str) -> list[tuple[str, str]]:
    headers = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name.strip()):
            raise ActionFailed(f"Input 'headers' has a line that is not 'Name: value': {line!r}.")
        headers.append((name.strip(), value.strip()))
    return headers


def _ranges(text: str) -> list[tuple[int, int]]:
    ranges = []
    for part in re.split(r"[\s,]+", text.strip()):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise ActionFailed(
                f"Input 'expected-status' must hold codes and ranges like 200-299, not {part!r}."
            )
        ranges.append((int(found[1]), int(found[2] or found[1])))
    return ranges
