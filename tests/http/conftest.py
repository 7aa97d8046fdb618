"""A real server with one of everything, for tests that walk over all routes."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from app.auth.service.bootstrap import ensure_administrator
from app.core.db import Database
from app.main import create_app
from app.settings import Settings
from tests.http.content import Content, Server


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("openapi")
    shutil.copy(sqlite_template, folder / "ansflow.db")
    given_settings: dict[str, Any] = {"data": {"folder": folder}}
    configured = Settings(_env_file=None, **given_settings)
    token = asyncio.run(first_token(configured.database_url))
    config = uvicorn.Config(create_app(configured), port=0, log_config=None, lifespan="on")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield Server(
        f"http://127.0.0.1:{port}", token, configured.database_url, configured.artifacts_url
    )
    running.should_exit = True
    thread.join()


async def first_token(url: str) -> str:
    database = Database(url, pool_size=1)
    first = await ensure_administrator(database)
    await database.close()
    assert first is not None
    return first.token


@pytest.fixture(scope="module")
def content(server: Server) -> Iterator[Content]:
    made = Content(server)
    yield made
    made.root.close()
