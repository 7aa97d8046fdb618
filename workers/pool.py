"""A Dramatiq worker with threads per queue, which can stop taking messages before it ends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, PriorityQueue
from threading import Thread
from typing import Any

from dramatiq.broker import Broker
from dramatiq.worker import ConsumerThread, Worker, WorkerThread

from app.jobs.queues import base_of
from workers.broker import LocalConsumer, RabbitConsumer

_WAIT_MS = 1000
"""How long a thread waits before it looks around; messages and the end wake it at once."""


class _Wake:
    """Put on a queue of waiting messages, ends the wait of one thread."""

    def __lt__(self, _other: object) -> bool:
        return True

    def __gt__(self, _other: object) -> bool:
        return False

    @property
    def message(self) -> None:
        # To Dramatiq's thread this looks as if nothing had come: it looks whether it should end.
        raise Empty


@dataclass(slots=True)
class Pool:
    """The threads of one queue and of its queues for labels, and what waits for them."""

    threads: int
    waiting: PriorityQueue[Any] = field(default_factory=PriorityQueue)

    def empty(self) -> None:
        """Drop what no thread has begun."""
        try:
            while True:
                self.waiting.get_nowait()
                self.waiting.task_done()
        except Empty:
            return


class PooledWorker(Worker):
    """Consumes queues, each priority with threads of its own.

    Parameters: `threads` maps queues (without prefix and labels) to their number of threads, which
    is also what RabbitMQ may send ahead of acknowledgements; `prefix` is that of the broker.
    """

    def __init__(self, broker: Broker, *, threads: dict[str, int], prefix: str = "") -> None:
        super().__init__(broker, worker_timeout=_WAIT_MS, worker_threads=sum(threads.values()))
        self.pools = {queue: Pool(count) for queue, count in threads.items()}
        self._prefix = prefix
        self._accepts = True

    def consume(self, queue: str) -> None:
        """Consume this queue (without prefix) too; its priority must be one of ours."""
        self.broker.declare_queue(self._prefix + queue)

    @property
    def consumed(self) -> set[str]:
        """The queues that are consumed, without prefix."""
        return {name.removeprefix(self._prefix) for name in self.consumers}

    def has_room(self, queue: str, running: int) -> bool:
        """Whether a thread is idle and nothing of this queue's priority waits for one.

        While a thread is idle RabbitMQ has sent everything there is: then a job may be begun
        without a message, and passes nobody. Parameters: `running` jobs occupy threads.
        """
        pool = self.pools.get(base_of(queue))
        if pool is None or not self._accepts or queue not in self.consumed:
            return False
        return running < pool.threads and pool.waiting.empty()

    def close_consumers(self, *, timeout_s: float = 10.0) -> None:
        """Take no more messages; RabbitMQ gives those that no thread has begun to others."""
        self._accepts = False
        consumers = list(self.consumers.values())
        for consumer in consumers:
            consumer.stop()
            if isinstance(consumer.consumer, (RabbitConsumer, LocalConsumer)):
                consumer.consumer.wake()
        _join(consumers, timeout_s)
        for pool in self.pools.values():
            pool.empty()
        # Each in a thread: a server that hangs must not keep running jobs from being handed back.
        closing = [Thread(target=each.close, daemon=True) for each in consumers if _ended(each)]
        for thread in closing:
            thread.start()
        _join(closing, timeout_s)

    def stop(self, timeout: int = 600_000) -> None:
        """Stop consuming if that has not been done, then wait for the threads.

        Parameters: `timeout` in milliseconds, as Dramatiq has it.
        """
        self.broker.emit_before("worker_shutdown", self)
        if self._accepts:
            self.close_consumers()
        for thread in self.workers:
            thread.stop()
        for pool in self.pools.values():
            for _ in range(pool.threads):
                pool.waiting.put(_Wake())
        _join(self.workers, timeout / 1000)
        self.broker.emit_after("worker_shutdown", self)

    def _add_worker(self) -> None:
        # Called once per thread: the next pool that has not got all of its threads.
        started = len(self.workers)
        for pool in self.pools.values():
            if started < pool.threads:
                break
            started -= pool.threads
        thread = WorkerThread(
            broker=self.broker,
            consumers=self.consumers,
            work_queue=pool.waiting,
            worker_timeout=self.worker_timeout,
        )
        thread.start()
        self.workers.append(thread)

    def _add_consumer(self, queue_name: str, *, delay: bool = False) -> None:
        pool = self.pools.get(base_of(queue_name.removeprefix(self._prefix)))
        if delay or pool is None or queue_name in self.consumers or not self._accepts:
            return
        thread = self.consumers[queue_name] = ConsumerThread(
            broker=self.broker,
            queue_name=queue_name,
            prefetch=pool.threads,
            work_queue=pool.waiting,
            worker_timeout=self.worker_timeout,
        )
        thread.start()


def _ended(thread: Thread) -> bool:
    return not thread.is_alive()


def _join(threads: Sequence[Thread], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
