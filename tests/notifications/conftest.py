"""Servers that take notifications."""

from collections.abc import AsyncIterator

import pytest

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
