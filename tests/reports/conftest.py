"""The floor of the artifact tests: jobs that run for real."""

from tests.artifacts.conftest import floor

__all__ = ["floor"]
