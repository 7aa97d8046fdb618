"""Publishing to a real RabbitMQ."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core.clock import new_id
from app.core.errors import Unavailable
from app.jobs.catalog import RunJob
from app.jobs.depths import Depth, RabbitDepths
from app.jobs.outbox import Outgoing
from app.jobs.publisher import LocalPublisher, RabbitPublisher
from app.jobs.queues import queue_for
from app.jobs.wire import RETRIES
from tests.jobs.rabbit import Proxy, Rabbit


def outgoing(queue: str = "high_priority") -> Outgoing:
    return Outgoing(new_id(), "job.run", queue, RunJob(job_id=new_id(), attempt=1).body())


def _read(body: bytes | None) -> dict[str, Any]:
    assert body is not None
    return json.loads(body)  # type: ignore[no-any-return]  # what JSON is


@pytest.fixture
async def publisher(rabbit: Rabbit) -> AsyncIterator[RabbitPublisher]:
    opened = RabbitPublisher(rabbit.url, prefix=rabbit.prefix)
    yield opened
    await opened.close()


class TestRabbitPublisher:
    async def test_a_message_is_confirmed_persistent_and_as_dramatiq_reads_it(
        self, publisher: RabbitPublisher, rabbit: Rabbit
    ) -> None:
        message = outgoing()
        assert await publisher.publish([message]) == {message.id}
        with rabbit.channel() as channel:
            _, properties, body = channel.basic_get(rabbit.prefix + "high_priority", auto_ack=True)
        assert properties.delivery_mode == 2
        read = _read(body)
        assert read["queue_name"] == rabbit.prefix + "high_priority"
        assert (read["actor_name"], read["args"]) == ("job.run", [])
        assert (read["kwargs"], read["message_id"]) == (message.body, str(message.id))

    async def test_the_count_of_repetitions_is_an_option_and_no_argument(
        self, publisher: RabbitPublisher, rabbit: Rabbit
    ) -> None:
        message = outgoing()
        again = Outgoing(message.id, message.kind, message.queue, {**message.body, RETRIES: 2})
        await publisher.publish([again])
        read = _read(rabbit.take("high_priority"))
        assert (read["kwargs"], read["options"]) == (message.body, {"retries": 2})

    async def test_many_messages_to_many_queues_are_one_call(
        self, publisher: RabbitPublisher, rabbit: Rabbit
    ) -> None:
        of_labels = queue_for("low", ["gpu"])
        rabbit.queues.add(of_labels)
        messages = [outgoing(queue) for queue in ("high_priority", of_labels) for _ in range(50)]
        assert await publisher.publish(messages) == {each.id for each in messages}
        assert (rabbit.ready("high_priority"), rabbit.ready(of_labels)) == (50, 50)

    async def test_a_returned_message_finds_its_queue_declared_again(
        self, publisher: RabbitPublisher, rabbit: Rabbit
    ) -> None:
        await publisher.publish([outgoing()])
        await asyncio.to_thread(rabbit.delete, "high_priority")
        messages = [outgoing(), outgoing()]
        assert await publisher.publish(messages) == {each.id for each in messages}
        assert rabbit.ready("high_priority") == 2

    async def test_a_queue_with_other_arguments_is_used_as_it_is(
        self, publisher: RabbitPublisher, rabbit: Rabbit
    ) -> None:
        with rabbit.channel() as channel:
            channel.queue_declare(rabbit.prefix + "high_priority", durable=True)
        message = outgoing()
        assert await publisher.publish([message]) == {message.id}

    async def test_nobody_there_is_said_at_once(self) -> None:
        publisher = RabbitPublisher("amqp://guest:guest@127.0.0.1:1/", timeout_s=5)
        with pytest.raises(Unavailable, match="RabbitMQ cannot be reached"):
            await publisher.publish([outgoing()])

    async def test_a_cut_connection_fails_once_and_is_made_again(
        self, rabbit: Rabbit, proxy: Proxy
    ) -> None:
        publisher = RabbitPublisher(proxy.url, prefix=rabbit.prefix, timeout_s=5)
        await publisher.publish([outgoing()])
        proxy.close()
        with pytest.raises(Unavailable):
            await publisher.publish([outgoing()])
        proxy.open()
        message = outgoing()
        assert await publisher.publish([message]) == {message.id}
        await publisher.close()


class TestLocalPublisher:
    async def test_a_message_is_delivered_once_until_it_is_answered(self) -> None:
        delivered: list[str] = []
        answered: list[object] = []
        publisher = LocalPublisher(lambda queue, _encoded: delivered.append(queue))
        publisher.on_answer(answered.append)
        message = outgoing()
        for _ in range(2):
            assert await publisher.publish([message]) == {message.id}
        assert delivered == ["high_priority"]
        publisher.answered(message.id)
        assert answered == [message.id]


class TestRabbitDepths:
    async def test_counts_what_waits_and_does_not_create_what_is_missing(
        self, publisher: RabbitPublisher, rabbit: Rabbit
    ) -> None:
        await publisher.publish([outgoing(), outgoing()])
        depths = RabbitDepths(rabbit.url, prefix=rabbit.prefix)
        for _ in range(2):
            found = await depths.of(["low_priority", "high_priority"])
            assert found == {"high_priority": Depth(ready=2, consumers=0)}
        await depths.close()

    async def test_nobody_there_is_unavailable(self) -> None:
        depths = RabbitDepths("amqp://guest:guest@127.0.0.1:1/")
        with pytest.raises(Unavailable):
            await depths.of(["high_priority"])
