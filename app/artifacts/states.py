"""How tests end."""

from enum import StrEnum


class TestStatus(StrEnum):
    """How a test ended."""

    FAILED = "failed"
    ERROR = "error"
    PASSED = "passed"
    SKIPPED = "skipped"


RANK = {TestStatus.FAILED: 0, TestStatus.ERROR: 0, TestStatus.PASSED: 1, TestStatus.SKIPPED: 2}
"""The order of a list: what failed comes first."""
