"""Fixtures of the execution services."""

import uuid
from collections.abc import Awaitable, Callable

import pytest

from app.core.db import Database
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory

Launch = Callable[..., Awaitable[uuid.UUID]]


@pytest.fixture
def driver(database: Database) -> Driver:
    """A worker that only claims and finishes."""
    return Driver(database)


@pytest.fixture
def launch(driver: Driver, make: Factory) -> Launch:
    """Start an execution of a pipeline with this text."""

    async def start(source: str, **options: object) -> uuid.UUID:
        project = await make.project()
        pipeline = await make.pipeline(project, source=source)
        return await driver.start(pipeline.id, **options)

    return start
