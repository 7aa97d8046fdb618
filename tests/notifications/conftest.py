"""Servers that take notifications."""

from collections.abc import AsyncIterator

import pytest

from app.core.db import Database
from app.models import Pipeline, Project
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory
from tests.notifications.post import SOURCE, Post
from tests.notifications.servers import HttpServer, SmtpServer, http_server, smtp_server


@pytest.fixture
async def web() -> AsyncIterator[HttpServer]:
    """An HTTP server that remembers what it got."""
    async with http_server() as server:
        yield server


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    """An SMTP server that remembers what it got."""
    async with smtp_server() as server:
        yield server


@pytest.fixture
def driver(database: Database) -> Driver:
    return Driver(database)


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


@pytest.fixture
async def pipeline(make: Factory, project: Project) -> Pipeline:
    return await make.pipeline(project, "build", source=SOURCE)


@pytest.fixture
async def post(database: Database, driver: Driver, project: Project, web: HttpServer) -> Post:
    return Post(database, driver, project, web.url)
