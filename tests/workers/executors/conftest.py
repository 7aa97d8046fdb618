"""A work folder where every account may pass, as in the tests of the runner."""

from tests.workers.runner.conftest import work_root

__all__ = ["work_root"]
