"""Waiting for what another task, thread or process does."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Return once `holds()` is true; fail after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  what is polled has no event
            await asyncio.sleep(0.005)


async def until_true(holds: Callable[[], Awaitable[bool]], *, within_s: float = 30.0) -> None:
    """As `until`, for questions that are asked over a connection."""
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110  what is polled has no event
            await asyncio.sleep(0.05)
