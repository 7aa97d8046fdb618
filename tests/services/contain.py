"""Run a command and leave no process behind, however it ends.

The caller becomes the "child subreaper": whatever its descendants detach (daemons, `setsid`,
double forks) is handed to it by the kernel instead of to process 1, and is ended at the end.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from tests.services.processes import descendants

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 10.0
TIMED_OUT = 124


def become_subreaper() -> None:
    """Adopt orphaned descendants from now on; does nothing where the kernel is not Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_contained(
    command: Sequence[str],
    *,
    limit_s: float | None = None,
    grace_s: float = GRACE_S,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a command to its end, or to its time limit, and end what it detached.

    Parameters
    ----------
    command:
        Program and arguments; it inherits the standard streams.
    limit_s:
        Seconds after which it is stopped (TERM, then KILL); `None` means no limit.
    grace_s:
        Seconds between TERM and KILL for what is left.
    env:
        The whole environment of the command; `None` means ours.

    Returns
    -------
    The exit code, 128 + signal when a signal ended it, 124 when the limit did.
    """
    become_subreaper()
    kept = {process.pid for process in descendants(os.getpid())}
    child = subprocess.Popen(list(command), env=env)  # noqa: S603  the command is the caller's own
    with _forwarded_signals(child):
        code = _wait(child, limit_s)
    _end_descendants(kept, grace_s)
    return code


def _end_descendants(kept: set[int], grace_s: float) -> None:
    """End every process below this one but `kept`: TERM, a grace period, KILL."""
    left = _left(kept)
    if not left:
        return
    names = ", ".join(f"{_name(pid)} ({pid})" for pid in left)
    sys.stderr.write(f"ending what was left running: {names}\n")
    _signal_all(left, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and _left(kept):
        time.sleep(0.05)
    while left := _left(kept):
        _signal_all(left, signal.SIGKILL)
        time.sleep(0.05)


def _left(kept: set[int]) -> list[int]:
    found = [process for process in descendants(os.getpid()) if process.pid not in kept]
    for process in found:
        if process.is_dead:
            # Adopted ones; a child of someone else is not ours to wait for.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
    return [process.pid for process in found if not process.is_dead]


def _wait(child: subprocess.Popen[bytes], limit_s: float | None) -> int:
    try:
        code = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"stopped after {limit_s:g} s, the limit of this run\n")
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
        child.kill()
        child.wait()
        return TIMED_OUT
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _forwarded_signals(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand TERM and HUP on; a terminal's Ctrl-C reaches the child by itself."""

    def forward(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            child.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "?"


def _signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.services.contain", description=__doc__)
    parser.add_argument("--limit", type=float, metavar="SECONDS")
    parser.add_argument("--grace", type=float, metavar="SECONDS", default=GRACE_S)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    return run_contained(arguments.command, limit_s=arguments.limit, grace_s=arguments.grace)


if __name__ == "__main__":
    sys.exit(main())
