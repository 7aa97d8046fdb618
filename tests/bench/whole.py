"""A whole distributed system for a benchmark, as its users start it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.bench.servers import mysql_server
from tests.e2e.conftest import start_distributed
from tests.e2e.system import System
from tests.fixtures.databases import created


@asynccontextmanager
async def running(**environment: str) -> AsyncIterator[System]:
    """Server, worker and scheduler, stopped afterwards."""
    with created(make_url(mysql_server())) as url, tempfile.TemporaryDirectory() as folder:
        system = await start_distributed(Path(folder), url, **environment)
        try:
            yield system
        finally:
            await asyncio.to_thread(system.stop)
