"""5,000 sockets: what they cost while nothing happens, and how fast an event reaches them all."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from tests.bench.figures import Figure
from tests.bench.realtime import Tally, answering, hub, open_watchers, served, watched
from tests.bench.realtime_server import allow_sockets

WATCHERS = 5000
ROUNDS = 15
SHARING = 100
"""So many sockets make what all share."""


async def sockets() -> AsyncIterator[Figure]:
    """Deliveries to 5,000 sockets beside a server that only sends; memory of an idle socket."""
    allow_sockets()
    with tempfile.TemporaryDirectory() as name:
        idle = Path(name) / "idle"
        await asyncio.to_thread(idle.mkdir)
        yield Figure("memory of an idle socket", await _idle(idle), "KiB")
        with served("bare-socket", Path(name), WATCHERS, ROUNDS) as port:
            await answering(port)
            bare = await watched(port, "/ws", "none", ROUNDS, with_ages=False, watchers=WATCHERS)
        limit = bare.rate
        rate, _ = await hub(Path(name) / "events", ROUNDS, 0.0, with_ages=False, watchers=WATCHERS)
    yield Figure("bare sockets, 5,000 watchers", limit, "deliveries/s")
    yield Figure("an execution, 5,000 watchers", rate, "deliveries/s")
    yield Figure("an execution / bare sockets, 5,000 watchers", rate / limit, "", bar=0.8)


async def _idle(folder: Path) -> float:
    """KiB that the server grows by for each socket that watches an execution."""
    with served("app", folder, 0, 0, 0) as port:
        await answering(port)
        token = (folder / "token").read_text()
        path = f"/ws/executions/{(folder / 'execution').read_text()}"
        server, tally = psutil.Process(port.pid), Tally(1, with_ages=False)
        opened = await open_watchers(port, path, token, tally, SHARING)
        before = server.memory_info().rss
        tally.opened = 0
        opened += await open_watchers(port, path, token, tally, WATCHERS)
        await asyncio.sleep(2.0)
        grown = server.memory_info().rss - before
        for transport in opened:
            transport.close()
    return grown / WATCHERS / 1024
