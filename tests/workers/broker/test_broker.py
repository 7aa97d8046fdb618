"""What happens to messages between RabbitMQ and the actors of a worker."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pika
import pytest
from dramatiq import Message as DramatiqMessage
from dramatiq.errors import ConnectionClosed

from app.core.clock import new_id
from app.jobs.catalog import Message, PassGate, RunJob
from app.jobs.queues import declarations, default_queues
from app.settings import Settings
from tests.jobs.rabbit import Proxy, Rabbit
from tests.polling import until
from tests.workers.broker.harness import Gate, Seen, publish, worker
from workers.actors import Actor
from workers.broker import NotThroughOutbox, RabbitBroker, RabbitConsumer


def messages(count: int) -> list[RunJob]:
    return [RunJob(job_id=new_id(), attempt=1) for _ in range(count)]


class TestQueues:
    async def test_publisher_and_worker_declare_the_same(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        # RabbitMQ refuses a declaration that differs, whoever came first.
        await publish(rabbit, messages(1), queue="high_priority")
        seen = Seen()
        with worker(rabbit, settings, {RunJob: Actor(seen, 0)}):
            await until(lambda: len(seen.jobs) == 1)
        for queue in ("high_priority", "medium_priority", "control"):
            with rabbit.channel() as channel:
                for name, arguments in declarations(rabbit.prefix + queue):
                    channel.queue_declare(name, durable=True, arguments=arguments)

    async def test_a_queue_deleted_under_the_worker_comes_back(
        self, rabbit: Rabbit, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
        seen = Seen()
        with worker(rabbit, settings, {RunJob: Actor(seen, 0)}):
            await publish(rabbit, messages(1), queue="high_priority")
            await until(lambda: len(seen.jobs) == 1)
            await asyncio.to_thread(rabbit.delete, "high_priority")
            await publish(rabbit, messages(1), queue="high_priority")
            await until(lambda: len(seen.jobs) == 2)

    def test_a_consumer_that_is_refused_leaves_no_connection(self, rabbit: Rabbit) -> None:
        queue = rabbit.prefix + "high_priority"
        broker = RabbitBroker(rabbit.url, middleware=[], prefix=rabbit.prefix)
        with rabbit.channel() as channel:
            channel.queue_declare(queue, exclusive=True)
            before = _sockets()
            with pytest.raises(ConnectionClosed):
                _consumer(broker, queue)
            assert _sockets() == before

    def test_a_consumer_that_is_cut_while_it_opens_leaves_no_connection(
        self, rabbit: Rabbit, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = pika.BlockingConnection._create_connection  # noqa: SLF001  returns when it is open

        def cut(self: pika.BlockingConnection, *arguments: Any) -> Any:
            connection = made(self, *arguments)
            proxy.cut()
            while not connection.is_closed:
                connection.ioloop.poll()
                connection.ioloop.process_timeouts()
            return connection

        monkeypatch.setattr(pika.BlockingConnection, "_create_connection", cut)
        broker = RabbitBroker(proxy.url, middleware=[], prefix=rabbit.prefix)
        before = _sockets()
        with pytest.raises(ConnectionClosed):
            _consumer(broker, rabbit.prefix + "high_priority")
        assert _sockets() == before

    def test_nothing_is_sent_past_the_outbox(self, rabbit: Rabbit) -> None:
        broker = RabbitBroker(rabbit.url, middleware=[])
        with pytest.raises(NotThroughOutbox, match="outbox"):
            broker.enqueue(_as_dramatiq(rabbit, messages(1)[0]), delay=1000)


class TestDelivery:
    async def test_prefetch_is_one_message_per_thread(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        gate = Gate()
        await publish(rabbit, messages(5), queue="high_priority")
        with worker(rabbit, settings, {RunJob: Actor(gate, 0)}, threads=2):
            await until(lambda: len(gate.jobs) == 2)
            assert rabbit.ready("high_priority") == 3
            gate.opened.set()
            await until(lambda: len(gate.done) == 5)

    async def test_control_messages_do_not_wait_behind_jobs(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        gate, seen = Gate(), Seen()
        actors: dict[type[Message], Actor[Any]] = {RunJob: Actor(gate, 0), PassGate: Actor(seen, 0)}
        await publish(rabbit, messages(3), queue="high_priority")
        with worker(rabbit, settings, actors, threads=1):
            await until(lambda: len(gate.jobs) == 1)
            await publish(rabbit, [PassGate(job_id=new_id(), attempt=1)], queue="control")
            await until(lambda: len(seen.jobs) == 1)
            assert len(gate.jobs) == 1
            gate.opened.set()

    async def test_cut_with_messages_prefetched_none_is_lost(
        self,
        rabbit: Rabbit,
        proxy: Proxy,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
        gate = Gate()
        sent = messages(6)
        await publish(rabbit, sent, queue="high_priority")
        with worker(rabbit, settings, {RunJob: Actor(gate, 0)}, url=proxy.url, threads=2):
            await until(lambda: len(gate.jobs) == 2)
            proxy.cut()
            # Unanswered messages are given out again, to this worker's next connection.
            await until(lambda: rabbit.ready("high_priority") == 4)
            gate.opened.set()
            await until(lambda: set(gate.done) == {each.job_id for each in sent})
            await until(lambda: rabbit.ready("high_priority") == 0)

    async def test_a_late_answer_after_a_reconnect_answers_nothing(
        self, rabbit: Rabbit, proxy: Proxy, settings: Settings
    ) -> None:
        await publish(rabbit, messages(2), queue="high_priority")
        broker = RabbitBroker(proxy.url, middleware=[], prefix=rabbit.prefix)
        queue = rabbit.prefix + "high_priority"
        old = await asyncio.to_thread(_consumer, broker, queue)
        first = await asyncio.to_thread(next, old)
        assert first is not None
        proxy.cut()
        await until(lambda: rabbit.ready("high_priority") == 2)
        new = await asyncio.to_thread(_consumer, broker, queue)
        again = await asyncio.to_thread(next, new)
        assert again is not None
        # Both have tag 1: to acknowledge by the tag alone would lose the second message.
        for consumer in (old, new):
            consumer.ack(first)
            consumer.nack(first)
        await asyncio.to_thread(new.close)
        await asyncio.to_thread(old.close)
        await until(lambda: rabbit.ready("high_priority") == 2)


class TestStop:
    async def test_prefetched_messages_go_to_others_while_jobs_end(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        gate = Gate()
        sent = messages(4)
        await publish(rabbit, sent, queue="high_priority")
        with worker(rabbit, settings, {RunJob: Actor(gate, 0)}, threads=1) as process:
            await until(lambda: len(gate.jobs) == 1)
            stopping = asyncio.create_task(asyncio.to_thread(process.stop, drain_s=20))
            # All four: the one that runs is unanswered, too. Whoever gets it finds it claimed.
            await until(lambda: rabbit.ready("high_priority") == 4)
            assert not stopping.done()
            gate.opened.set()
            await stopping
        assert gate.done == [gate.jobs[0]]
        assert rabbit.ready("high_priority") == 4


class TestPause:
    async def test_a_paused_worker_takes_only_short_messages_and_goes_on_later(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        gate, seen = Gate(), Seen()
        sent = messages(4)
        await publish(rabbit, sent, queue="high_priority")
        actors: dict[type[Message], Actor[Any]] = {
            RunJob: Actor(gate, 0),
            PassGate: Actor(seen, 0),
        }
        with worker(rabbit, settings, actors, threads=1) as process:
            await until(lambda: len(gate.jobs) == 1)
            pause = process.runtime.parts.set_paused  # type: ignore[attr-defined]  # WorkerParts
            await asyncio.to_thread(pause, True)
            await until(lambda: rabbit.ready("high_priority") == 4)
            gate.opened.set()
            await until(lambda: len(gate.done) == 1)
            await publish(rabbit, [PassGate(job_id=new_id(), attempt=1)], queue="control")
            await until(lambda: len(seen.jobs) == 1)
            assert rabbit.ready("high_priority") == 4
            assert len(gate.jobs) == 1
            await asyncio.to_thread(pause, False)
            await until(lambda: set(gate.done) == {each.job_id for each in sent})
        assert rabbit.ready("high_priority") == 0


class TestFailure:
    async def test_a_failing_message_is_repeated_a_bounded_number_of_times_then_dead(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        calls: list[PassGate] = []

        async def fail(_context: object, message: PassGate) -> None:
            calls.append(message)
            raise RuntimeError("as every time")

        message = PassGate(job_id=new_id(), attempt=1)
        await publish(rabbit, [message], queue="medium_priority")
        with worker(rabbit, settings, {PassGate: Actor(fail, max_retries=2, backoff_s=0.05)}):
            await until(lambda: rabbit.ready("medium_priority.XQ") == 1)
        assert calls == [message] * 3
        dead = json.loads(rabbit.take("medium_priority.XQ") or b"")
        assert (dead["kwargs"], dead["options"]["retries"]) == (message.body(), 2)

    @pytest.mark.parametrize(
        "body",
        [
            b"\xff no json",
            b'{"queue_name": 1}',
            json.dumps(
                {
                    "queue_name": "q",
                    "actor_name": "job.run",
                    "args": [],
                    "kwargs": {"job_id": "no id", "attempt": 1},
                    "options": {},
                    "message_id": "m",
                    "message_timestamp": 1,
                }
            ).encode(),
            json.dumps(
                {
                    "queue_name": "q",
                    "actor_name": "no.actor",
                    "args": [],
                    "kwargs": {},
                    "options": {},
                    "message_id": "m",
                    "message_timestamp": 1,
                }
            ).encode(),
        ],
        ids=["no-json", "no-message", "bad-body", "no-actor"],
    )
    async def test_what_nobody_can_read_is_dead_at_once_and_the_worker_lives(
        self, rabbit: Rabbit, settings: Settings, body: bytes
    ) -> None:
        seen = Seen()
        with worker(rabbit, settings, {RunJob: Actor(seen, 0)}, threads=1):
            await until(lambda: _exists(rabbit, "high_priority"))
            await asyncio.to_thread(rabbit.send, "high_priority", body)
            await until(lambda: rabbit.ready("high_priority.XQ") == 1)
            await publish(rabbit, messages(1), queue="high_priority")
            await until(lambda: len(seen.jobs) == 1)

    async def test_a_message_moved_here_from_another_queue_is_processed(
        self, rabbit: Rabbit, settings: Settings
    ) -> None:
        await publish(rabbit, messages(1), queue="low_priority")
        seen = Seen()
        with worker(rabbit, settings, {RunJob: Actor(seen, 0)}):
            await until(lambda: _exists(rabbit, "high_priority"))
            moved = rabbit.take("low_priority")
            assert moved is not None
            await asyncio.to_thread(rabbit.send, "high_priority", moved)
            await until(lambda: len(seen.jobs) == 1)


def _exists(rabbit: Rabbit, queue: str) -> bool:
    with rabbit.channel() as channel:
        name = rabbit.prefix + queue
        arguments = dict(declarations(name))[name]
        return channel.queue_declare(name, durable=True, arguments=arguments).method is not None


def _sockets() -> int:
    """Open sockets of this process."""
    folder = Path("/proc/self/fd")
    links = [folder / name for name in os.listdir(folder)]
    return sum(str(os.readlink(each)).startswith("socket:") for each in links if each.exists())


def _consumer(broker: RabbitBroker, queue: str) -> RabbitConsumer:
    return RabbitConsumer(broker, queue, prefetch=1, timeout_s=10)


def _as_dramatiq(rabbit: Rabbit, message: Message) -> Any:
    return DramatiqMessage(
        rabbit.prefix + default_queues()[0], message.wire, (), message.body(), {}
    )
