"""Waits until the machine has nothing else to do."""

import sys
import time
from pathlib import Path

BUSY = 0.1
"""The share of all cores, over a second, from which the machine is not quiet."""
LIMIT_S = 60.0


def wait_until_quiet() -> None:
    """Let databases write what the last benchmark left; goes on after a minute, and says so."""
    until = time.monotonic() + LIMIT_S
    share = _busy_share()
    while share > BUSY and time.monotonic() < until:
        share = _busy_share()
    if share > BUSY:
        sys.stdout.write(f"   the machine is busy with something else ({share:.0%})\n")
        sys.stdout.flush()


def _busy_share() -> float:
    before = _jiffies()
    time.sleep(1.0)
    now = _jiffies()
    whole = sum(now) - sum(before)
    # The fourth and fifth: idle, and idle while something is read or written.
    idle = sum(now[3:5]) - sum(before[3:5])
    return 1 - idle / whole if whole else 0.0


def _jiffies() -> list[int]:
    """Times of all cores together since the start, by what they did (proc(5), /proc/stat)."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    return [int(field) for field in line.split()[1:9]]
