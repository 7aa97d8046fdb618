"""Runs the benchmarks that are named, or all: `make bench ARGS="steps log"`."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from importlib import import_module

from tests.bench.figures import Figure
from tests.bench.quiet import wait_until_quiet

BENCHMARKS = {
    "engine": "tests.bench.engine",
    "trigger": "tests.bench.triggers",
    "listing": "tests.bench.triggers",
    "schedules": "tests.bench.schedules",
    "steps": "tests.bench.jobs",
    "chain": "tests.bench.jobs",
    "bulk": "tests.bench.jobs",
    "log": "tests.bench.logs",
    "hotget": "tests.bench.reads",
    "fanout": "tests.bench.realtime",
    "sockets": "tests.bench.sockets",
    "watchers": "tests.bench.watchers",
}


def main(names: list[str]) -> int:
    """Run and print; 1 when a bar is missed."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        known = " ".join(BENCHMARKS)
        sys.stderr.write(f"bench: no benchmark {unknown[0]!r}; there are: {known}\n")
        return 2
    figures = []
    for name in names or BENCHMARKS:
        sys.stdout.write(f"-- {name}\n")
        sys.stdout.flush()
        wait_until_quiet()
        started = time.perf_counter()
        figures += asyncio.run(_run(getattr(import_module(BENCHMARKS[name]), name)))
        sys.stdout.write(f"   {time.perf_counter() - started:.0f} s\n")
    missed = [figure for figure in figures if not figure.holds]
    sys.stdout.write(f"{len(figures)} figures, {len(missed)} bars missed\n")
    return 1 if missed else 0


async def _run(benchmark: Callable[[], AsyncIterator[Figure]]) -> list[Figure]:
    figures = []
    async for figure in benchmark():
        figures.append(figure)
        sys.stdout.write(figure.line() + "\n")
        sys.stdout.flush()
    return figures


sys.exit(main(sys.argv[1:]))
