"""What a benchmark answers, and how it is shown."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value beside its bar.

    `bar` None: only reported. `at_least`: the value should be no less than the bar, else no more.
    """

    name: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bar is reached."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def line(self) -> str:
        """For a terminal."""
        bar = ""
        if self.bar is not None:
            sign = "≥" if self.at_least else "≤"
            bar = f"{sign} {self.bar:g} {'ok' if self.holds else 'MISSED'}"
        return f"{self.name:<58} {self.value:>14,.3f} {self.unit:<14} {bar:<18} {self.note}"


async def best_of(times: int, work: Callable[[], Awaitable[None]]) -> float:
    """The median of some runs in seconds; the first one, which warms up, does not count."""
    await work()
    return statistics.median([await seconds(work) for _ in range(times)])


async def seconds(work: Callable[[], Awaitable[None]]) -> float:
    """How long one run takes."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
