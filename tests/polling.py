"""Waiting for what another task, thread or process does."""

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Return once `holds()` is true; fail after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  what is polled has no event
            await asyncio.sleep(0.005)
