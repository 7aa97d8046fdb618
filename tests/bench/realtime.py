"""Fan-out, beside a server that does nothing else; one server process on one core."""

import asyncio
import base64
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from app.core.clock import utcnow
from tests.bench.figures import Figure, percentile
from tests.polling import until

WATCHERS = 1000
ROUNDS = 60
SLOW_ROUNDS = 50
_MARK = b'"job.changed"'


class Port(int):
    """Where a server listens, and which process it is."""

    pid = 0


@contextmanager
def served(kind: str, folder: Path, *numbers: object) -> Iterator[Port]:
    """A server process; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = Port(free.getsockname()[1])
    command = [sys.executable, "-m", "tests.bench.realtime_server", kind, str(port), str(folder)]
    process = subprocess.Popen([*command, *map(str, numbers)])  # noqa: S603  our own
    port.pid = process.pid
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def leave_first_core() -> None:
    """Leave the core of the servers to them."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores - {0} or cores)


async def answering(port: int) -> None:
    """Return once the server listens."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)


class Watcher(asyncio.Protocol):
    """A socket that counts the frames with our mark, and how old they are."""

    def __init__(self, path: str, token: str, tally: "Tally") -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._hello = (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._tally = tally
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 101"):
            self._tally.opened += 1
        found = self._tail + data
        self._tail = found[-len(_MARK) + 1 :]
        self._tally.add(found)


class Tally:
    """What all watchers got."""

    def __init__(self, wanted: int, *, with_ages: bool) -> None:
        self._wanted, self._with_ages = wanted, with_ages
        self.got = self.opened = 0
        self.began = 0.0
        self.ages_s: list[float] = []
        self.done = asyncio.Event()

    @property
    def rate(self) -> float:
        """Deliveries per second since the first one."""
        return self.got / (time.perf_counter() - self.began)

    def add(self, data: bytes) -> None:
        frames = data.count(_MARK)
        if not frames:
            return
        self.began = self.began or time.perf_counter()
        self.got += frames
        if self._with_ages and (stamp := data.partition(b'"at":"')[2].partition(b'"')[0]):
            age = utcnow() - datetime.fromisoformat(stamp.decode().replace("Z", "+00:00"))
            self.ages_s.append(age.total_seconds())
        if self.got >= self._wanted:
            self.done.set()


async def open_watchers(
    port: int, path: str, token: str, tally: Tally, count: int
) -> list[asyncio.Transport]:
    """Open so many sockets, a hundred at a time: a server may refuse what comes all at once."""
    loop = asyncio.get_running_loop()
    opened = []
    for number in range(1, count + 1):
        transport, _ = await loop.create_connection(
            lambda: Watcher(path, token, tally), "127.0.0.1", port
        )
        opened.append(transport)
        if number % 100 == 0:
            await until(lambda wanted=number: tally.opened >= wanted, within_s=60)  # type: ignore[misc]  # a default is no argument
    return opened


async def watched(
    port: int, path: str, token: str, rounds: int, *, with_ages: bool, watchers: int = WATCHERS
) -> Tally:
    """Open the watchers and wait until each got every frame; gives what they saw."""
    tally = Tally(watchers * rounds, with_ages=with_ages)
    opened = await open_watchers(port, path, token, tally, watchers)
    async with asyncio.timeout(120):
        await tally.done.wait()
    for transport in opened:
        transport.close()
    return tally


async def fanout() -> AsyncIterator[Figure]:
    """One event to 1,000 sockets, beside a server that only sends."""
    leave_first_core()
    with tempfile.TemporaryDirectory() as name:
        with served("bare-socket", Path(name), WATCHERS, ROUNDS) as port:
            await answering(port)
            bare = await watched(port, "/ws", "none", ROUNDS, with_ages=False)
            limit = bare.rate
        rate = (await hub(Path(name) / "fast", ROUNDS, 0.0, with_ages=False))[0]
        ages_s = (await hub(Path(name) / "slow", SLOW_ROUNDS, 0.1, with_ages=True))[1].ages_s
    yield Figure("bare sockets, 1,000 watchers", limit, "deliveries/s")
    yield Figure("an execution, 1,000 watchers", rate, "deliveries/s")
    yield Figure("an execution / bare sockets", rate / limit, "", bar=0.8)
    yield Figure("10 events/s to 1,000 sockets, p50", percentile(ages_s, 0.5) * 1000, "ms")
    p99_ms = percentile(ages_s, 0.99) * 1000
    yield Figure("10 events/s to 1,000 sockets, p99", p99_ms, "ms", bar=100, at_least=False)


async def hub(
    folder: Path, rounds: int, pause_s: float, *, with_ages: bool, watchers: int = WATCHERS
) -> tuple[float, Tally]:
    """Events through a whole AnsFlow: deliveries per second, and what the watchers saw."""
    await asyncio.to_thread(folder.mkdir)
    with served("app", folder, watchers, rounds, pause_s) as port:
        await answering(port)
        path = f"/ws/executions/{(folder / 'execution').read_text()}"
        token = (folder / "token").read_text()
        tally = await watched(port, path, token, rounds, with_ages=with_ages, watchers=watchers)
        return tally.rate, tally
