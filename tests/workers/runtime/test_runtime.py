"""The loop of a worker process, seen from other threads."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from workers.runtime import Runtime, Stopped, end_tasks, keep


class Nothing:
    """Parts that only wait."""

    settings: Any = None
    database: Any = None
    jobs: Any = None
    max_worker_lost = 0

    def __init__(self) -> None:
        self.ending = asyncio.Event()

    async def run(self) -> None:
        await self.ending.wait()


@asynccontextmanager
async def nothing() -> AsyncIterator[Nothing]:
    yield Nothing()


class TestRuntime:
    def test_runs_what_other_threads_hand_over_on_plain_asyncio(self) -> None:
        async def where() -> tuple[str, type]:
            return threading.current_thread().name, type(asyncio.get_running_loop())

        runtime = Runtime(nothing)
        runtime.start()
        name, loop = runtime.call(where())
        runtime.stop()
        assert name == "ansflow-worker-loop"
        assert issubclass(loop, asyncio.SelectorEventLoop)

    def test_an_error_comes_back_to_the_caller(self) -> None:
        async def fail() -> None:
            raise LookupError("as it is")

        runtime = Runtime(nothing)
        runtime.start()
        with pytest.raises(LookupError, match="as it is"):
            runtime.call(fail())
        runtime.stop()

    def test_what_cannot_be_opened_is_said_by_start_and_leaves_no_thread(self) -> None:
        class Broken(AbstractAsyncContextManager[Nothing]):
            async def __aenter__(self) -> Nothing:
                raise ConnectionError("no database")

            async def __aexit__(self, *_: object) -> None: ...

        before = threading.active_count()
        with pytest.raises(ConnectionError, match="no database"):
            Runtime(Broken).start()
        assert threading.active_count() == before

    def test_after_the_end_nothing_is_taken(self) -> None:
        runtime = Runtime(nothing)
        runtime.start()
        runtime.stop()
        with pytest.raises(Stopped):
            runtime.call(asyncio.sleep(0))

    def test_a_loop_that_ends_by_itself_is_noticed(self) -> None:
        died = threading.Event()
        runtime = Runtime(nothing, on_death=died.set)
        parts = runtime.start()
        assert isinstance(parts, Nothing)
        runtime.call_soon(parts.ending.set)
        assert died.wait(20)
        runtime.stop()


class TestKeep:
    async def test_a_failure_does_not_end_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rounds = 0
        enough = asyncio.Event()

        async def work() -> None:
            nonlocal rounds
            rounds += 1
            if rounds == 2:
                enough.set()
            raise LookupError("a bug")

        task = asyncio.create_task(keep("work", work))
        async with asyncio.timeout(20):
            await enough.wait()
        await end_tasks(task)


class TestEndTasks:
    async def test_its_own_cancellation_does_not_leave_a_task_behind(self) -> None:
        async def stubborn() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(10):
                    await asyncio.sleep(0)

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        ending = asyncio.create_task(end_tasks(task))
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait({ending})
        assert task.done()
