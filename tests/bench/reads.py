"""Hot reads, beside a bare route and beside the same endpoint without its cache."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, percentile
from tests.bench.realtime import answering, leave_first_core, served

CLIENTS = 32
SECONDS = 3.0
ROUNDS = 5
"""Of the two that are compared, in turn: the machine's speed changes within seconds."""
LEAD_S = 0.25
"""Before each round, not counted: connections are open and the page is warm."""
COUNTED = 2000
AT_ONCE = 200
STATUS = "/api/v1/pipelines/status"


class Reads:
    """Counts answers to one GET over some connections; each must be a 200 with the same body."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.body = b""
        self.took_s: list[float] = []

    async def run(self, seconds: float, clients: int) -> float:
        """Answers per second."""
        self.took_s.clear()
        until = time.perf_counter() + seconds
        await asyncio.gather(*(self._client(until) for _ in range(clients)))
        return len(self.took_s) / seconds

    async def _client(self, until: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        while time.perf_counter() < until:
            began = time.perf_counter()
            body = await self._ask(reader, writer, f"{STATUS}?limit=50")
            self.took_s.append(time.perf_counter() - began)
            self.body = self.body or body
            assert body == self.body
        writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
    ) -> bytes:
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}"
        writer.write(f"{request}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return await reader.readexactly(length)

    async def one_after_another(self, count: int) -> None:
        """So many reads over one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        for _ in range(count):
            await self._ask(reader, writer, f"{STATUS}?limit=50")
        writer.close()

    async def at_once(self, path: str, count: int) -> None:
        """One read by each of so many clients, who send it when all are connected."""
        opened = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", self._port, limit=2**20) for _ in range(count))
        )
        bodies = await asyncio.gather(*(self._ask(*streams, path) for streams in opened))
        assert len(set(bodies)) == 1
        for _, writer in opened:
            writer.close()

    async def json(self, path: str) -> Any:
        """What the server answers to a GET."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        body = await self._ask(reader, writer, path)
        writer.close()
        return json.loads(body)


async def hotget() -> AsyncIterator[Figure]:
    """An authenticated page of 50 pipelines: warm, uncached, as a bare route with these bytes."""
    leave_first_core()
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / kind for kind in ("app", "uncached", "counted")]
        for folder in folders:
            folder.mkdir()
        warm, limit, p99_s = await _warm(folders[0])
        uncached = await _uncached(folders[1])
        computed = await _counted(folders[2])
        counts = json.loads((folders[2] / "counts").read_text())
    # Whatever was no warm hit did cost something, so the counters count.
    assert counts["warm"] > COUNTED / 2, counts
    assert counts["otherwise"] > 0, counts
    yield Figure("bare Starlette route, same bytes", limit, "requests/s")
    yield Figure("warm status page", warm, "requests/s")
    yield Figure("warm status page / bare route", warm / limit, "", bar=0.6)
    yield Figure("warm status page, p99", p99_s * 1000, "ms")
    yield Figure("the same page uncached", uncached, "requests/s")
    yield Figure("warm status page / uncached", warm / uncached, "", bar=5)
    note = f"over {counts['warm']} warm hits"
    yield Figure("SQL on warm hits", counts["sql"], "statements", 0, at_least=False, note=note)
    yield Figure("Redis on warm hits", counts["redis"], "round trips", 0, at_least=False, note=note)
    yield Figure("a miss by 200 clients at once", computed, "computations", 1, at_least=False)


async def _warm(folder: Path) -> tuple[float, float, float]:
    """Answers per second of the warm page and of the bare route, in rounds that alternate; the
    former's p99 in seconds, the worst of all rounds."""
    with served("app", folder, 0, 0, 0) as port:
        await answering(port)
        ours = Reads(port, (folder / "token").read_text())
        await ours.run(1.0, 1)
        (folder / "body").write_bytes(ours.body)
        with served("bare-get", folder) as bare_port:
            await answering(bare_port)
            bare = Reads(bare_port, "none")
            await bare.run(1.0, 1)
            limits, rates, p99s_s = [], [], []
            for _ in range(ROUNDS):
                # What is kept for a second is gone after a round of the other.
                await bare.run(LEAD_S, CLIENTS)
                limits.append(await bare.run(1.0, CLIENTS))
                await ours.run(LEAD_S, CLIENTS)
                rates.append(await ours.run(1.0, CLIENTS))
                p99s_s.append(percentile(ours.took_s, 0.99))
    return sum(rates) / ROUNDS, sum(limits) / ROUNDS, max(p99s_s)


async def _uncached(folder: Path) -> float:
    with served("uncached", folder) as port:
        await answering(port)
        ours = Reads(port, (folder / "token").read_text())
        await ours.run(1.0, 1)
        before = (await ours.json("/api/v1/cache/stats"))["computed"]
        rate = await ours.run(SECONDS, CLIENTS)
        computed = (await ours.json("/api/v1/cache/stats"))["computed"] - before
        assert computed == len(ours.took_s), (computed, len(ours.took_s))
        return rate


async def _counted(folder: Path) -> int:
    """How often a page was computed for those who asked at once; the rest is written at the end."""
    with served("counted", folder) as port:
        await answering(port)
        ours = Reads(port, (folder / "token").read_text())
        await ours.one_after_another(COUNTED)
        before: int = (await ours.json("/api/v1/cache/stats"))["computed"]
        await ours.at_once(f"{STATUS}?limit=49", AT_ONCE)
        after: int = (await ours.json("/api/v1/cache/stats"))["computed"]
        return after - before
