"""A circuit breaker: a server that is away costs one time-out and not one per request."""

import random
import time

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0


class Breaker:
    """Closed while calls succeed. A failure opens it for a pause; then one call may try.

    The pause doubles with each failed try, from 0.25 s to 5 s, and is spread by up to a fifth so
    that processes do not come back all at once.
    """

    __slots__ = ("_failures", "_trying", "_until", "opened")

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self._trying = False
        self.opened = 0
        """How often it went from closed to open."""

    @property
    def is_open(self) -> bool:
        """True after a failure until the next success."""
        return self._failures > 0

    def allows(self) -> bool:
        """Whether a call may be made now; after a True call `succeeded`, `failed` or `let_go`."""
        if not self._failures:
            return True
        if self._trying or time.monotonic() < self._until:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """The call was answered."""
        self._failures = 0
        self._trying = False

    def failed(self) -> None:
        """The call was not answered."""
        if not self._failures:
            self.opened += 1
        elif not self._trying:
            # Calls that were under way when the first of them failed tell nothing new.
            return
        self._failures += 1
        self._trying = False
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))
        self._until = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311  jitter

    def let_go(self) -> None:
        """The call was given up by its caller: nothing is known, another may try."""
        self._trying = False
