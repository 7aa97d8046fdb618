"""Fixtures for all tests; see `tests/fixtures`."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.databases",
    "tests.fixtures.application",
    "tests.fixtures.factories",
    "tests.fixtures.redis",
    "tests.distribution",
    "tests.leaks",
]

# No deadline: the machine is shared, and a slow example is not a wrong one.
settings.register_profile(
    "quick",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=2000)
settings.load_profile(os.environ.get("ANSFLOW_TEST_HYPOTHESIS", "quick"))
