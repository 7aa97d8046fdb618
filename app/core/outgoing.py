"""One HTTP request to somewhere that a user has named."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from app.core.addresses import AddressRefused, resolve


class RequestFailed(Exception):
    """There is no answer; the text says why, and never holds the URL, which may be a secret.

    `is_final`: the same request will not succeed later.
    """

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status and the begin of its body."""

    status: int
    body: bytes


async def post(
    url: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    allow_private: bool,
    timeout_s: float = 10.0,
    max_body: int = 64 * 1024,
) -> Reply:
    """Post `content`. Redirects are not followed, proxies of the environment not used.

    Parameters: `allow_private` False refuses addresses that are not public.
    Raises: RequestFailed.
    """
    request = await _request(url, content=content, headers=headers, allow_private=allow_private)
    try:
        # Also a server that sends a byte now and then must come to an end.
        async with (
            asyncio.timeout(3 * timeout_s),
            httpx.AsyncClient(timeout=timeout_s, trust_env=False) as client,
        ):
            response = await client.send(request, stream=True)
            try:
                return Reply(response.status_code, await _begin(response, max_body))
            finally:
                await response.aclose()
    except (httpx.HTTPError, TimeoutError) as error:
        raise RequestFailed(f"no answer: {type(error).__name__}") from None


async def _request(
    url: str, *, content: bytes, headers: Mapping[str, str], allow_private: bool
) -> httpx.Request:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise RequestFailed("the URL is not valid", is_final=True) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise RequestFailed("the URL must begin with http:// or https://", is_final=True)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        address = await resolve(parsed.host, port, allow_private=allow_private)
    except AddressRefused as error:
        raise RequestFailed(str(error)) from None
    return httpx.Request(
        "POST",
        parsed.copy_with(host=address),
        headers={"Host": parsed.netloc.decode("ascii"), **headers},
        content=content,
        extensions={"sni_hostname": parsed.host},
    )


async def _begin(response: httpx.Response, max_body: int) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) >= max_body:
            break
    return body[:max_body]
