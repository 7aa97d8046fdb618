"""`sleep` and `dummy`: for tests of pipelines."""

import asyncio

from workers.actions.base import ActionCall, ActionFailed

MAX_LINES = 1_000_000
_AT_ONCE = 10_000


async def sleep(call: ActionCall) -> None:
    """Wait for `seconds`."""
    await call.interruptible(asyncio.sleep(call.number("seconds")))


async def dummy(call: ActionCall) -> None:
    """Print `lines` lines, wait for `seconds`, fail unless `exit-code` is 0."""
    lines = int(call.number("lines"))
    if lines > MAX_LINES:
        raise ActionFailed(f"Input 'lines' must be at most {MAX_LINES}.")
    for first in range(1, lines + 1, _AT_ONCE):
        last = min(lines, first + _AT_ONCE - 1)
        await call.log("\n".join(f"line {number}" for number in range(first, last + 1)))
    await call.interruptible(asyncio.sleep(call.number("seconds")))
    code = int(call.number("exit-code"))
    if code:
        raise ActionFailed(f"dummy ended with exit code {code}, as its input says.")
