"""A Dramatiq worker with threads per queue, which can stop taking messages before it ends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, PriorityQueue
from threading import Thread
from typing import Any

from dramatiq.broker import Broker
from dramatiq.worker import ConsumerThread, Worker, WorkerThread

from app.jobs.queues import CONTROL, base_of
from workers.broker import RabbitConsumer
from workers.local_broker import LocalBroker, LocalConsumer

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

    def empty(self) -> list[Any]:
        """Take away what no thread has begun, and return it."""
        taken = []
        try:
            while True:
                taken.append(self.waiting.get_nowait())
                self.waiting.task_done()
        except Empty:
            return taken


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
        self._is_paused = False

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
        if pool is None or not self._takes(queue) or queue not in self.consumed:
            return False
        return running < pool.threads and pool.waiting.empty()

    def close_consumers(self, *, timeout_s: float = 10.0) -> None:
        """Take no more messages; RabbitMQ gives those that no thread has begun to others."""
        self._accepts = False
        self._close(list(self.consumers.values()), timeout_s)
        for pool in self.pools.values():
            pool.empty()

    def set_paused(self, paused: bool, *, timeout_s: float = 10.0) -> None:
        """Take no more messages but short ones (`control`), or take all again; blocks a while.

        What threads have begun goes on. Its answers may be lost, so that others get the same
        message again: they find that it was taken.
        """
        self._is_paused = paused
        if paused:
            held = [thread for name, thread in self.consumers.items() if not self._takes_name(name)]
            self._close(held, timeout_s)
            for queue, pool in self.pools.items():
                if not self._takes(queue):
                    self._put_back(pool.empty())
            return
        for name in list(self.broker.queues):
            known = self.consumers.get(name)
            if known is None or not known.running:
                self.consumers.pop(name, None)
                self._add_consumer(name)

    def _put_back(self, items: list[Any]) -> None:
        # RabbitMQ takes back by itself what came over a connection that ends.
        if isinstance(self.broker, LocalBroker):
            for item in items:
                self.broker.deliver(item.message.queue_name, item.message.encode())

    def _takes(self, queue: str) -> bool:
        return self._accepts and not (self._is_paused and base_of(queue) != CONTROL)

    def _takes_name(self, name: str) -> bool:
        return self._takes(name.removeprefix(self._prefix))

    def _close(self, consumers: list[ConsumerThread], timeout_s: float) -> None:
        for consumer in consumers:
            consumer.stop()
            if isinstance(consumer.consumer, (RabbitConsumer, LocalConsumer)):
                consumer.consumer.wake()
        _join(consumers, timeout_s)
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
        if delay or pool is None or queue_name in self.consumers:
            return
        if not self._takes_name(queue_name):
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
