"""The floor of the artifact tests: jobs that run for real."""

from tests.artifacts.conftest import floor, work_root

__all__ = ["floor", "work_root"]
