"""The processes of this machine, read from /proc."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One process; `is_dead` when it only waits for its parent to take note of its end."""

    pid: int
    parent: int
    group: int
    is_dead: bool


def processes() -> Iterator[Process]:
    """Yield every process; those that end meanwhile are left out."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold spaces: fields are counted from the last one.
            fields = stat.read_text().rpartition(")")[2].split()
            # A first thread can be a zombie while others still hold the files and ports.
            is_dead = fields[0] in "ZX" and int(fields[17]) <= 1
            yield Process(int(stat.parent.name), int(fields[1]), int(fields[2]), is_dead)


def group_lives(group: int) -> bool:
    """Whether a process group has a living member."""
    return any(process.group == group and not process.is_dead for process in processes())


def descendants(root: int) -> list[Process]:
    """Return the processes below one, the dead ones too, parents before their children."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.extend(below)
        waiting.extend(process.pid for process in below)
    return found
