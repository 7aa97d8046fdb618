"""Sends requests to forges: to the address that was looked at, without redirects, within a time."""

from typing import Any

import httpx

from app.core.addresses import AddressRefused, resolve
from app.triggers.forges.api import ApiRequest

TIMEOUT_S = 15.0
_MAX_ANSWER = 1 << 20
_PORTS = {"http": 80, "https": 443}
_TRY_AGAIN = frozenset({408, 425, 429})


class ForgeUnreachable(Exception):
    """It did not work this time; it may later."""


class ForgeRefused(Exception):
    """The forge, or we ourselves, will not do it: repeating changes nothing."""


async def call(request: ApiRequest, *, allow_private: bool) -> Any:
    """Send a request; returns the JSON of the answer, None when it has none.

    Raises: ForgeUnreachable, ForgeRefused.
    """
    url = httpx.URL(request.url)
    if url.scheme != "https" and not allow_private:
        raise ForgeRefused(f"{url.scheme}:// is not allowed here: use https://")
    port = url.port or _PORTS[url.scheme]
    try:
        address = await resolve(url.host, port, allow_private=allow_private)
    except AddressRefused as error:
        raise ForgeRefused(str(error)) from None
    sent = httpx.Request(
        request.method,
        url.copy_with(host=address),
        headers={**request.headers, "Host": url.netloc.decode("ascii"), "User-Agent": "AnsFlow"},
        json=request.json,
        extensions={"sni_hostname": url.host},
    )
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            response = await client.send(sent, stream=True)
            try:
                return await _answer(response)
            finally:
                await response.aclose()
    except httpx.HTTPError as error:
        raise ForgeUnreachable(str(error) or type(error).__name__) from error


async def _answer(response: httpx.Response) -> Any:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _MAX_ANSWER:
            raise ForgeRefused("the forge's answer is too large")
    if response.is_success:
        return _json(response, body)
    said = f"the forge answered {response.status_code}: {body[:200].decode(errors='replace')}"
    if response.status_code >= 500 or response.status_code in _TRY_AGAIN:
        raise ForgeUnreachable(said)
    raise ForgeRefused(said)


def _json(response: httpx.Response, body: bytes) -> Any:
    try:
        return httpx.Response(response.status_code, content=body).json() if body else None
    except ValueError:
        return None
