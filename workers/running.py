"""The jobs that this process runs: claim, lease, cancel, drain.

Everything here runs on the worker's event loop. A lease belongs to a claim, not to the worker: it
is renewed exactly as long as the runner of that claim is alive.
"""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from app.core.clock import new_id
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.events import Message as EventMessage
from app.executions.continuing import Continuation
from app.executions.service.claim import Claimed, claim
from app.executions.service.leases import Renewal, renew
from app.jobs.catalog import RunJob
from workers.runner.ports import CancelSignal

log = logger(__name__)

UNRENEWED_LIMIT_S = 300.0
"""After this long without a renewal, a job with an environment or a concurrency group is killed:
somebody else may be let in."""

Execute = Callable[[Claimed, CancelSignal, Continuation], Awaitable[Claimed | None]]
"""Runs a claimed job to its end and stores the result; returns when no process of it is left.

What it returns is a job that its end has made ready and that was claimed with the continuation."""


class NotBegun(Exception):
    """This process ends and has done nothing about the message: it must not be answered."""


@dataclass(slots=True, eq=False)
class Running:
    """One claimed job. `renewed` is the monotonic time of the last renewal."""

    claimed: Claimed
    signal: CancelSignal = field(default_factory=CancelSignal)
    renewed: float = field(default_factory=time.monotonic)

    @property
    def is_exclusive(self) -> bool:
        """Whether nobody else may be at it at the same time, whatever it costs."""
        return self.claimed.environment is not None or self.claimed.has_group

    def cancel(self, level: int, reason: str | None = None) -> None:
        """Cancel (1) or kill (2); saying it again changes nothing."""
        if level >= 2 and not self.signal.forced:
            self.signal.force(reason)
        elif level == 1 and not self.signal.requested:
            self.signal.request(reason)


class RunningJobs:
    """Parameters: `worker_id` is this process's boot id; times are in seconds."""

    def __init__(
        self,
        database: Database,
        execute: Execute,
        *,
        worker_id: uuid.UUID,
        lease_s: float,
        renew_s: float,
    ) -> None:
        self._database = database
        self._execute = execute
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._running: dict[uuid.UUID, Running] = {}
        self._claiming = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_draining = False
        self.accepts: Callable[[str, int], bool] = lambda _queue, _running: False
        """Whether a job of this queue may be begun without a message while so many are at work."""
        self.clock_offset = timedelta()
        """The database's clock minus this host's, as of the last renewal."""

    def __len__(self) -> int:
        return len(self._running)

    async def run(self, message: RunJob) -> None:
        """Claim the job that `message` hints at and run it; nothing if somebody else has it.

        Raises: NotBegun while this process ends.
        """
        self._claiming += 1
        self._idle.clear()
        try:
            claimed = await self._claim(message)
            if claimed is not None:
                await self._run(claimed)
        finally:
            self._claiming -= 1
            if not self._claiming:
                self._idle.set()

    async def _claim(self, message: RunJob) -> Claimed | None:
        # The token is made before the first attempt: when a commit's outcome is unknown, the next
        # attempt with the same token finds the claim.
        token = new_id()
        delay_s = 0.2
        while not self.is_draining:
            try:
                return await claim(
                    self._database,
                    job_id=message.job_id,
                    attempt=message.attempt,
                    token=token,
                    worker_id=self._worker_id,
                    lease_s=self._lease_s,
                )
            except Unavailable:
                await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))  # noqa: S311  jitter
                delay_s = min(delay_s * 2, 5.0)
        raise NotBegun

    async def _run(self, claimed: Claimed) -> None:
        following: Claimed | None = claimed
        while following is not None:
            claimed, following = following, None
            running = self._running[claimed.token] = Running(claimed)
            running.cancel(claimed.cancel_level)
            if self.is_draining:
                running.signal.hand_back()
            try:
                following = await self._execute(claimed, running.signal, self._continuation())
            finally:
                del self._running[claimed.token]

    def _continuation(self) -> Continuation:
        return Continuation(
            token=new_id(),
            worker_id=self._worker_id,
            lease_s=self._lease_s,
            accepts=lambda queue: not self.is_draining and self.accepts(queue, self._claiming),
        )

    async def renew_forever(self) -> None:
        """Renew the leases of all running jobs, until cancelled."""
        while True:
            renewed = await self.renew()
            # The first statement after the database was away should be this one.
            await asyncio.sleep(self._renew_s if renewed else min(self._renew_s, 0.5))

    async def renew(self) -> bool:
        """Renew once; False when the database is away."""
        tokens = list(self._running)
        try:
            renewal = await renew(self._database, tokens=tokens, lease_s=self._lease_s)
        except Unavailable:
            self._kill_exclusive()
            return False
        self._apply(renewal)
        return True

    def _apply(self, renewal: Renewal) -> None:
        self.clock_offset = renewal.offset
        now = time.monotonic()
        for token, level in renewal.held.items():
            if running := self._running.get(token):
                running.renewed = now
                running.cancel(level)
        for token in renewal.gone:
            if running := self._running.get(token):
                log.warning("claim_replaced", job_id=str(running.claimed.job_id))
                running.signal.force("another worker has taken over this job")

    def _kill_exclusive(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if running.is_exclusive and now - running.renewed > UNRENEWED_LIMIT_S:
                running.cancel(2, "its claim could not be renewed for 5 minutes")

    def hear_cancel(self, message: EventMessage) -> None:
        """A `control.cancel` event from the bus. What is lost is learnt at the next renewal."""
        data = json.loads(message.body)["data"]
        if running := self._running.get(uuid.UUID(data["token"])):
            running.cancel(data["level"], data.get("reason"))

    async def drain(self, timeout_s: float) -> None:
        """Let running jobs end, at most `timeout_s`; then hand the others back to the queue.

        Returns when no job is left. New messages are not begun any more.
        """
        self.is_draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            self.hand_back_all()
        await self._idle.wait()

    def hand_back_all(self) -> None:
        """Kill what runs and give it back to the queue; it does not count as lost."""
        self.is_draining = True
        for running in self._running.values():
            running.signal.hand_back()
