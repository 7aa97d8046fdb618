"""Dead letters in RabbitMQ: looked at, moved and thrown away without losing one."""

import asyncio
import json
from typing import Any

import pytest

from app.core.clock import new_id
from app.core.errors import Unavailable
from app.jobs.catalog import ReleaseGroups
from app.jobs.dead_letters import RabbitDeadLetters, renewed
from app.jobs.outbox import Outgoing
from app.jobs.publisher import RabbitPublisher
from app.jobs.queues import dead_letters_of
from app.jobs.wire import RETRIES, encode
from tests.jobs.rabbit import Proxy, Rabbit
from tests.polling import until

QUEUE = "medium_priority"
DEAD = dead_letters_of(QUEUE)


def message() -> Outgoing:
    body = {**ReleaseGroups(execution_id=new_id()).body(), RETRIES: 3}
    return Outgoing(new_id(), ReleaseGroups.wire, QUEUE, body)


async def die(rabbit: Rabbit, count: int) -> list[str]:
    """Messages that a worker gives up, through the queue's own way to its dead letters."""
    publisher = RabbitPublisher(rabbit.url, prefix=rabbit.prefix)
    sent = [message() for _ in range(count)]
    for each in sent:
        await publisher.publish([each])
    await publisher.close()
    with rabbit.channel() as channel:
        for _ in sent:
            frame, _, _ = channel.basic_get(rabbit.prefix + QUEUE)
            channel.basic_nack(frame.delivery_tag, requeue=False)
    await until(lambda: rabbit.ready(DEAD) == count)
    return [str(each.id) for each in sent]


@pytest.fixture
def letters(rabbit: Rabbit) -> RabbitDeadLetters:
    return RabbitDeadLetters(rabbit.url, prefix=rabbit.prefix)


class TestList:
    async def test_it_shows_what_they_say_and_leaves_them_there(
        self, rabbit: Rabbit, letters: RabbitDeadLetters
    ) -> None:
        ids = await die(rabbit, 3)
        for limit in (2, 10):
            found = await letters.oldest(QUEUE, limit=limit)
            assert [each.id for each in found] == ids[:limit]
        assert (found[0].kind, found[0].retries) == (ReleaseGroups.wire, 3)
        assert set(found[0].body or {}) == {"execution_id"}
        assert found[0].died_at is not None
        assert await letters.count(QUEUE) == 3

    async def test_what_cannot_be_read_is_shown_as_such(
        self, rabbit: Rabbit, letters: RabbitDeadLetters
    ) -> None:
        await die(rabbit, 1)
        for body in (b"\xff", b"[]", b'{"message_id": 1}'):
            rabbit.send(DEAD, body)
        found = await letters.oldest(QUEUE, limit=10)
        assert [each.kind for each in found[1:]] == [None] * 3

    async def test_a_queue_without_any_has_none(self, letters: RabbitDeadLetters) -> None:
        assert await letters.oldest("low_priority", limit=10) == []
        assert await letters.count("low_priority") == 0
        assert await letters.requeue("low_priority", None) == 0
        assert await letters.purge("low_priority", None) == 0


class TestRequeue:
    async def test_all_of_them_begin_anew(self, rabbit: Rabbit, letters: RabbitDeadLetters) -> None:
        ids = await die(rabbit, 3)
        assert await letters.requeue(QUEUE, None) == 3
        assert (rabbit.ready(DEAD), rabbit.ready(QUEUE)) == (0, 3)
        back = json.loads(rabbit.take(QUEUE) or b"")
        assert (back["message_id"], back["options"]) == (ids[0], {})

    async def test_some_of_them(self, rabbit: Rabbit, letters: RabbitDeadLetters) -> None:
        ids = await die(rabbit, 3)
        assert await letters.requeue(QUEUE, {ids[1], "other"}) == 1
        assert [each.id for each in await letters.oldest(QUEUE, limit=9)] == [ids[0], ids[2]]
        assert rabbit.ready(QUEUE) == 1

    async def test_where_the_queue_is_gone_they_stay(
        self, rabbit: Rabbit, letters: RabbitDeadLetters
    ) -> None:
        await die(rabbit, 2)
        rabbit.delete(QUEUE)
        with pytest.raises(Unavailable):
            await letters.requeue(QUEUE, None)
        assert await letters.count(QUEUE) == 2

    async def test_a_broker_that_goes_away_half_way_loses_none(
        self, rabbit: Rabbit, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = await die(rabbit, 6)
        through = RabbitDeadLetters(proxy.url, prefix=rabbit.prefix, timeout_s=20)
        original, sent = through._send_again, []  # noqa: SLF001  cut exactly in between

        async def send(channel: Any, letter: Any, queue: str) -> None:
            await original(channel, letter, queue)
            sent.append(letter)
            if len(sent) == 3:
                await asyncio.to_thread(proxy.cut)

        monkeypatch.setattr(through, "_send_again", send)
        with pytest.raises(Unavailable):
            await through.requeue(QUEUE, None)
        await until(lambda: rabbit.ready(QUEUE) + rabbit.ready(DEAD) >= 6)
        left = {each.id for each in await through.oldest(QUEUE, limit=9)}
        back = set()
        while (data := rabbit.take(QUEUE)) is not None:
            back.add(json.loads(data)["message_id"])
        assert left | back == set(ids)


class TestPurge:
    async def test_only_what_was_chosen_goes(
        self, rabbit: Rabbit, letters: RabbitDeadLetters
    ) -> None:
        ids = await die(rabbit, 3)
        assert await letters.purge(QUEUE, {ids[0]}) == 1
        assert [each.id for each in await letters.oldest(QUEUE, limit=9)] == ids[1:]
        assert await letters.purge(QUEUE, None) == 2
        assert (rabbit.ready(DEAD), rabbit.ready(QUEUE)) == (0, 0)


async def test_without_a_broker_it_is_unavailable() -> None:
    nowhere = RabbitDeadLetters("amqp://guest:guest@127.0.0.1:1/", timeout_s=5)
    with pytest.raises(Unavailable):
        await nowhere.oldest(QUEUE, limit=1)


def test_what_cannot_be_read_is_sent_as_it_is() -> None:
    assert renewed(b"\xff") == b"\xff"
    again = json.loads(renewed(encode(message(), queue=QUEUE)))
    assert again["options"] == {}
