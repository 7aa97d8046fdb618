"""Fixtures of the worker process tests."""

from collections.abc import Iterator

import pytest

from tests.executions.conftest import driver, launch
from tests.fixtures.databases import DatabaseUnderTest
from tests.jobs.rabbit import Proxy, proxy, rabbit

__all__ = ["driver", "launch", "proxy", "rabbit"]


@pytest.fixture
def database_proxy(database_under_test: DatabaseUnderTest) -> Iterator[Proxy]:
    """A way to this test's MariaDB that can be cut."""
    between = Proxy(database_under_test.url)
    between.open()
    yield between
    between.end()
