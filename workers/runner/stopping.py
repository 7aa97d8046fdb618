"""When what runs must stop: cancel, time-outs, a lost claim; and how it is stopped."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from workers.runner.ports import CancelSignal


class Cause(StrEnum):
    """Why something was stopped."""

    CANCELLED = "cancelled"
    JOB_TIMED_OUT = "job_timed_out"
    STEP_TIMED_OUT = "step_timed_out"
    CLEANUP_TIMED_OUT = "cleanup_timed_out"
    FORCED = "forced"
    LOST = "lost"


class Stoppable(Protocol):
    """Something that runs and can be stopped."""

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, insist after the grace; returns when it is gone."""
        ...

    def kill(self) -> None:
        """Insist now."""
        ...


class Stopper:
    """Knows, for one job, whether things may still run.

    After a cancel, or when the job's time is over, only what survives a cancel goes on, and for
    `cleanup_s` seconds in all. `over` means that nothing may run any more.
    """

    def __init__(self, cancel: CancelSignal, *, timeout_s: float, cleanup_s: float) -> None:
        self.cancelled: Cause | None = None
        self.over: Cause | None = None
        self._cancel = cancel
        self._cleanup_s = cleanup_s
        self._loop = asyncio.get_running_loop()
        self._change: asyncio.Future[None] = self._loop.create_future()
        self._timers = [self._loop.call_later(timeout_s, self._begin_end, Cause.JOB_TIMED_OUT)]
        self._look()
        self._watching = self._loop.create_task(self._watch())

    def cause(self, survives_cancel: Callable[[], bool]) -> Cause | None:
        """Why what runs now must stop, if it must."""
        if self.over is not None:
            return self.over
        return self.cancelled if self.cancelled and not survives_cancel() else None

    def change(self) -> "asyncio.Future[None]":
        """Done at the next change of `cancelled` or `over`."""
        return self._change

    def lose(self) -> None:
        """The claim is lost: nothing may run any more."""
        self._end(Cause.LOST)

    async def close(self) -> None:
        """Watch no longer."""
        for timer in self._timers:
            timer.cancel()
        while not self._watching.done():
            self._watching.cancel()
            await asyncio.wait((self._watching,), timeout=1.0)

    async def _watch(self) -> None:
        while self.over is None:
            # No await between looking and waiting: nothing is missed.
            self._look()
            await self._cancel.wait()

    def _look(self) -> None:
        if self._cancel.forced:
            self._end(Cause.FORCED)
        elif self._cancel.requested:
            self._begin_end(Cause.CANCELLED)

    def _begin_end(self, cause: Cause) -> None:
        if self.cancelled is None:
            self.cancelled = cause
            self._timers.append(
                self._loop.call_later(self._cleanup_s, self._end, Cause.CLEANUP_TIMED_OUT)
            )
            self._changed()

    def _end(self, cause: Cause) -> None:
        if self.over is None or cause is Cause.LOST:
            self.cancelled = self.cancelled or cause
            self.over = cause
            self._changed()

    def _changed(self) -> None:
        change, self._change = self._change, self._loop.create_future()
        change.set_result(None)


async def supervise(
    work: "asyncio.Task[Any]",
    target: Stoppable,
    stopper: Stopper,
    *,
    deadline: float | None,
    survives_cancel: Callable[[], bool],
    grace_s: float,
) -> Cause | None:
    """Wait until `work` is done; stop `target` when it must stop, and say why.

    Parameters: `deadline` is the loop time at which the step's own time is over.
    """
    loop = asyncio.get_running_loop()
    while not work.done():
        cause = stopper.cause(survives_cancel)
        if cause is None and deadline is not None and loop.time() >= deadline:
            cause = Cause.STEP_TIMED_OUT
        if cause is not None:
            await _stop(work, target, stopper, 0.0 if stopper.over else grace_s)
            return cause
        left = None if deadline is None else max(0.0, deadline - loop.time())
        await asyncio.wait(
            (work, stopper.change()), timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
    return None


async def _stop(
    work: "asyncio.Task[Any]", target: Stoppable, stopper: Stopper, grace_s: float
) -> None:
    stopping = asyncio.get_running_loop().create_task(target.stop(grace_s))
    pending: set[asyncio.Future[Any]] = {stopping, work}
    while pending:
        if stopper.over is not None:
            target.kill()
        if stopper.over is Cause.LOST:
            # Its output is nobody's any more, and may wait for a store that takes nothing.
            work.cancel()
        await asyncio.wait({*pending, stopper.change()}, return_when=asyncio.FIRST_COMPLETED)
        pending = {each for each in pending if not each.done()}
    stopping.result()
