"""How tests end."""

from enum import StrEnum


class TestStatus(StrEnum):
    """How a test ended."""

    FAILED = "failed"
    ERROR = "error"
    PASSED = "passed"
    SKIPPED = "skipped"


FAILED, FLAKY, PASSED, SKIPPED = range(4)


def rank_of(status: TestStatus, *, flaky: bool) -> int:
    """The order of a list: what failed comes first, then what cannot be relied on."""
    match status:
        case TestStatus.FAILED | TestStatus.ERROR:
            return FAILED
        case TestStatus.PASSED:
            return FLAKY if flaky else PASSED
        case TestStatus.SKIPPED:
            return SKIPPED
