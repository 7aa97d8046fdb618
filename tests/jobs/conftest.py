"""Fixtures of the message tests."""

from tests.jobs.rabbit import proxy, rabbit

__all__ = ["proxy", "rabbit"]
