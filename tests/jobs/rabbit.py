"""RabbitMQ for tests: queues under a prefix of their own, and a connection that can be cut."""

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pika
import pika.exceptions
import pytest

from app.jobs.queues import dead_letters_of, default_queues
from tests.services.urls import rabbitmq_url


@dataclass
class Rabbit:
    """A look from outside, with names without prefix. `queues` are deleted after the test."""

    url: str
    prefix: str
    queues: set[str] = field(default_factory=lambda: set(default_queues()))

    @contextlib.contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel of a connection of its own."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def ready(self, queue: str) -> int:
        """Messages that nobody took."""
        with self.channel() as channel:
            found = channel.queue_declare(self.prefix + queue, passive=True)
            return int(found.method.message_count)

    def purge(self, queue: str) -> None:
        """Throw away what waits."""
        with self.channel() as channel:
            channel.queue_purge(self.prefix + queue)

    def delete(self, queue: str) -> None:
        """Delete a queue, if there is one."""
        with self.channel() as channel:
            channel.queue_delete(self.prefix + queue)

    def send(self, queue: str, body: bytes) -> None:
        """Put anything on a queue."""
        with self.channel() as channel:
            channel.basic_publish("", self.prefix + queue, body)

    def take(self, queue: str) -> bytes | None:
        """The next message, acknowledged."""
        with self.channel() as channel:
            _, _, body = channel.basic_get(self.prefix + queue, auto_ack=True)
            return body  # type: ignore[no-any-return]  # pika's basic_get is untyped

    def clean(self) -> None:
        """Delete all queues of this test."""
        with self.channel() as channel:
            for queue in self.queues:
                channel.queue_delete(self.prefix + queue)
                channel.queue_delete(self.prefix + dead_letters_of(queue))


@pytest.fixture
def rabbit() -> Iterator[Rabbit]:
    """RabbitMQ with a prefix of this test; skips where there is none."""
    found = Rabbit(rabbitmq_url(), f"test_{secrets.token_hex(6)}.")
    try:
        with found.channel():
            pass
    except pika.exceptions.AMQPConnectionError:
        pytest.skip(f"no RabbitMQ at {urlsplit(found.url).hostname}")
    yield found
    found.clean()


class Proxy:
    """Stands between a client and a server, on a loop in a thread of its own.

    Parameters: `url` of the server; without a port it is RabbitMQ's.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._target = (self._parts.hostname or "127.0.0.1", self._parts.port or 5672)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._port = 0
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.new_event_loop()
        self._running = self._thread.submit(self._loop.run_forever)

    @property
    def url(self) -> str:
        """Through the proxy."""
        account = self._parts.netloc.rpartition("@")[0]
        return self._parts._replace(netloc=f"{account}@127.0.0.1:{self._port}").geturl()

    def open(self) -> None:
        """Take connections, from now on or again."""
        self._do(self._open())

    def cut(self) -> None:
        """Cut all connections; new ones are taken."""
        self._do(self._cut())

    def close(self) -> None:
        """Cut all connections and refuse new ones."""
        self._do(self._close())

    def end(self) -> None:
        """Close, and end the thread."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._running.result()
        self._loop.close()
        self._thread.shutdown()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        for link in self._links:
            link.cancel()
        if self._links:
            await asyncio.wait(self._links)
        await _rounds(1)  # in which the transports close their sockets

    async def _close(self) -> None:
        if self._server is not None:
            # asyncio leaks what it accepted when its server closes before that has a transport.
            for listening in self._server.sockets:
                self._loop.remove_reader(listening.fileno())
            await _rounds(4)  # accepted, transport, protocol, `_serve`
            self._server.close()
            self._server = None
        await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        writers = [writer]
        try:
            other_reader, other_writer = await asyncio.open_connection(*self._target)
            writers.append(other_writer)
            await asyncio.gather(_pump(reader, other_writer), _pump(other_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # There is no server, or this was cut.
        finally:
            for each in writers:
                each.transport.abort()
            self._links.discard(link)


async def _rounds(count: int) -> None:
    """Let the loop do what is ready, and what becomes ready by that."""
    for _ in range(count):
        await asyncio.sleep(0)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()
    with contextlib.suppress(OSError):
        await sink.wait_closed()


@pytest.fixture
def proxy(rabbit: Rabbit) -> Iterator[Proxy]:
    """A way to this test's RabbitMQ that can be cut."""
    between = Proxy(rabbit.url)
    between.open()
    yield between
    between.end()
