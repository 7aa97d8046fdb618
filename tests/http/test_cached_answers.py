"""The promise of the cache, on a walk over all routes that write.

After each successful write no cached route of the process that wrote answers what was true before,
and none of another process does a second later. What is true tells a third process, which computes
everything anew.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
import schemathesis
from fastapi import FastAPI

from app.core.db import Database
from app.main import create_app
from app.settings import Settings
from tests.fixtures.application import Started
from tests.fixtures.factories import Factory
from tests.http.bodies import BODIES
from tests.http.cached import WRITING, Readers, Stage, bodies_of, cached_routes
from tests.http.test_rights import ALL

SHARES = 20
"""So many tests walk, each over its share of the routes."""

pytestmark = pytest.mark.parametrize("database_under_test", ["mysql"], indirect=True)


@pytest.fixture(scope="module")
def others() -> tuple[FastAPI, FastAPI]:
    """Two more applications; all that has state belongs to their lifespans."""
    settings = Settings(_env_file=None)
    return create_app(settings), create_app(settings)


@pytest.fixture
async def stage(
    application: FastAPI,
    others: tuple[FastAPI, FastAPI],
    settings: Settings,
    database: Database,
    make: Factory,
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        there, anew = others
        there.state.settings = anew.state.settings = settings
        await stack.enter_async_context(Started(there))
        await stack.enter_async_context(Started(anew))
        # As if everything were written a moment ago.
        anew.state.runtime.cache.tags.is_dirty = lambda _tags: True
        generated = partial(bodies_of, schemathesis.openapi.from_dict(application.openapi()))
        made = Stage(Readers(application), Readers(there), Readers(anew), database, make, generated)
        await made.set(ALL[0])
        made.cached = await cached_routes(made)
        yield made


@pytest.mark.parametrize("share", range(SHARES))
async def test_no_cached_answer_is_older_than_a_write(stage: Stage, share: int) -> None:
    assert {"/pipelines/status", "/pipelines/{pipeline_id}/status"} <= set(stage.cached)
    old, refused = [], set()
    for route in WRITING[share::SHARES]:
        await stage.set(route)
        await stage.warm()
        reading = asyncio.create_task(stage.keep_reading())
        try:
            done = await stage.write(route)
        finally:
            stage.is_written = True
            await reading
        if done:
            old += [f"{route}: {each}" for each in await stage.old_answers()]
        else:
            refused.add(str(route))
    assert not old, "\n".join(old)
    # Whatever is not in the table above is walked as far as generated bodies get.
    assert not refused & BODIES.keys()
