"""The way of a job's chunks and states into the database: in order, batched, never lost.

Chunks are written at once; what comes while something is being written goes in one batch after it.
States wait up to 30 ms for company, so that a short step is one write and not two, and the last
ones go with the end of the job. A batch writes its chunks before its states, so a step is never
seen to have ended before its last line is stored.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from app.core.logging import logger
from workers.runner.ports import (
    Chunk,
    JobResult,
    LogStore,
    Replaced,
    Reporter,
    StepUpdate,
    Unavailable,
)
from workers.runner.spool import Spool, Spooled

log = logger(__name__)

IN_MEMORY = 8 << 20
BATCH_BYTES = 4 << 20
GATHER_S = 0.03
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0


class Delivery:
    """Delivers for one job. `replaced` is set once the claim is known to be lost, `failure` once
    nothing can be delivered for another reason.

    Parameters: `spool` is the file that takes chunks while the store is away; `max_spool_bytes`
    bounds it. Past the bound, or when the disk is full, whoever puts a chunk waits. `on_lost` is
    called once nothing can be delivered any more.
    """

    def __init__(
        self,
        reporter: Reporter,
        logs: LogStore,
        spool: Path,
        *,
        max_spool_bytes: int = 1 << 30,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.replaced = False
        self.failure: Exception | None = None
        self._reporter = reporter
        self._logs = logs
        self._spool = Spool(spool, max_spool_bytes)
        self._on_lost = on_lost
        self._chunks: deque[Chunk | Spooled] = deque()
        self._updates: dict[tuple[int, int], StepUpdate] = {}
        self._finishing = asyncio.Event()
        self._in_memory = 0
        self._away = False
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def put(self, chunk: Chunk) -> None:
        """Take a chunk; waits while there is no room.

        Raises:
            Replaced: the claim is lost.
        """
        while self._in_memory >= IN_MEMORY:
            self._raise_if_lost()
            if self._away and (kept := self._spool.take(chunk)):
                self._append(kept)
                return
            self._room.clear()
            await self._room.wait()
        self._raise_if_lost()
        self._in_memory += len(chunk.data)
        self._append(chunk)

    def update(self, update: StepUpdate) -> None:
        """Take the state of a step attempt; only the last one of a batch is written."""
        # Taken out first: the order of a batch is that of the last changes.
        self._updates.pop((update.index, update.attempt), None)
        self._updates[update.index, update.attempt] = update
        self._wake()

    async def finish(self, result: JobResult) -> None:
        """Write all that is left, the last states together with the end of the job.

        Raises:
            Replaced: the claim is lost.
        """
        self._finishing.set()
        await self._idle.wait()
        self._raise_if_lost()
        await self._insist(partial(self._reporter.finish, result, list(self._updates.values())))
        self._raise_if_lost()

    async def close(self) -> None:
        """Stop; what was not written is given up. The spool file is removed."""
        # A library may swallow a cancellation: ask until it is heard.
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=1.0)
        self._spool.close()

    def _append(self, item: Chunk | Spooled) -> None:
        self._chunks.append(item)
        self._wake()

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()

    def _give_up(self) -> None:
        self._idle.set()
        self._room.set()
        self._on_lost()

    def _raise_if_lost(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.replaced:
            raise Replaced

    async def _run(self) -> None:
        try:
            await self._deliver()
        except Exception as error:  # noqa: BLE001  raised again where the runner waits
            self.failure = error
            self._give_up()

    async def _deliver(self) -> None:
        while not self.replaced:
            await self._work.wait()
            self._work.clear()
            while self._has_work() and not self.replaced:
                if self._chunks or await self._gathered():
                    await self._flush()
            self._idle.set()

    def _has_work(self) -> bool:
        # Once the job ends, states are left to `finish`.
        return bool(self._chunks or (self._updates and not self._finishing.is_set()))

    async def _gathered(self) -> bool:
        """Wait for company; False when the job ends meanwhile."""
        try:
            async with asyncio.timeout(GATHER_S):
                await self._finishing.wait()
        except TimeoutError:
            return True
        return False

    async def _flush(self) -> None:
        # States first: chunks that come from here on belong to later states.
        updates: dict[tuple[int, int], StepUpdate] = {}
        if not self._finishing.is_set():
            updates, self._updates = self._updates, {}
        count = len(self._chunks)
        while count and not self.replaced:
            batch = self._next_batch(count)
            await self._insist(partial(self._write, batch))
            for _ in batch:
                self._forget(self._chunks.popleft())
            count -= len(batch)
            self._room.set()
        if updates and not self.replaced:
            changed = list(updates.values())
            await self._insist(partial(self._reporter.steps_changed, changed))

    async def _write(self, batch: Sequence[Chunk]) -> None:
        try:
            await self._logs.write(batch)
        except (Replaced, Unavailable):
            raise
        except Exception:
            # What came before a chunk that cannot be stored is kept, whatever shared its batch.
            if len(batch) == 1:
                raise
            log.exception("chunks_written_one_by_one", chunks=len(batch))
            for chunk in batch:
                await self._logs.write([chunk])

    def _forget(self, item: Chunk | Spooled) -> None:
        if isinstance(item, Chunk):
            self._in_memory -= len(item.data)
        else:
            self._spool.delivered()

    def _next_batch(self, count: int) -> Sequence[Chunk]:
        batch: list[Chunk] = []
        size = 0
        for item in self._chunks:
            chunk = self._spool.read(item) if isinstance(item, Spooled) else item
            size += len(chunk.data)
            if batch and (size > BATCH_BYTES or len(batch) >= count):
                break
            batch.append(chunk)
        return batch

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        """Call until it went through; back off while the store is away."""
        delay = FIRST_RETRY_S
        while True:
            try:
                await call()
            except Unavailable:
                self._away = True
                self._room.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_RETRY_S)
                continue
            except Replaced:
                self.replaced = True
                self._give_up()
                return
            self._away = False
            return
