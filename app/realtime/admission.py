"""The queue at the door: how many sockets are let in at the same time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.core.errors import Unavailable

AT_ONCE = 4
"""Handshakes together: fewer than the pool has connections, so that requests find one."""
LONGEST_WAIT_S = 8.0
"""Clients give up after 10 s and more: what would come later is told to come again."""
_AGAIN_S = (1, 5)


class Admission:
    """Lets clients that come all at once in, in their order; belongs to one event loop."""

    def __init__(self, *, at_once: int = AT_ONCE, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._longest_wait_s = longest_wait_s
        self.refused = 0
        """How many waited too long."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, then have it until the context ends.

        Raises: Unavailable after the longest wait; clients are told different times to come back.
        """
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await self._turns.acquire()
        except TimeoutError:
            self.refused += 1
            raise Unavailable(
                "too many clients connect at once: connect again a little later",
                retry_after_s=random.randint(*_AGAIN_S),  # noqa: S311  no secret
            ) from None
        try:
            yield
        finally:
            self._turns.release()
