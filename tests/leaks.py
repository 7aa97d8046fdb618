"""Say who left a socket open, and fail for it where that is AnsFlow's own code.

A socket that nobody closed is found whenever the garbage collector comes by, often in a test that
has nothing to do with it. So each socket's maker is written down when it is made: the test that
ran, and the lines of this repository that led there. One that `app/` or `workers/` made fails the
test in which it is found, with these words in the error; one of a test's own helpers or of a
library's thread is told at the end of the run.
"""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("app/", "workers/")
MOST_LINES = 8


class Makers:
    """Who made each socket of this process that may still be open, by its file descriptor."""

    def __init__(self) -> None:
        self.test = "no test"
        self.told: list[str] = []
        self._of: dict[int, tuple[str, list[str]]] = {}

    def note(self, descriptor: int, frame: FrameType | None) -> None:
        """Write down who makes a socket; `frame` is the caller."""
        self._of[descriptor] = (self.test, list(_lines(frame)))

    def of(self, left: socket.socket) -> tuple[str, bool]:
        """What is known of a socket, and whether AnsFlow's own code made it."""
        test, lines = self._of.get(left.fileno(), ("no test", []))
        made = " < ".join(lines[:MOST_LINES]) or "a library"
        is_ours = any(line.startswith(OURS) for line in lines)
        return f"left open by {test}, made by {made}", is_ours


def _lines(frame: FrameType | None) -> Iterator[str]:
    """The lines of this repository that led here, the innermost first."""
    prefix = f"{ROOT}/"
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(prefix) and "/site-packages/" not in path:
            yield f"{path.removeprefix(prefix)}:{frame.f_lineno}"
        frame = frame.f_back


class Leaks:
    """The plugin; one for each process of a run."""

    def __init__(self) -> None:
        self.makers = Makers()
        self._init: Callable[..., None] = socket.socket.__init__
        self._hook = sys.unraisablehook

    def pytest_sessionstart(self) -> None:
        """Begin to write down, and hear of what is found before pytest does."""
        makers, init = self.makers, self._init

        def noted(self: socket.socket, *args: Any, **options: Any) -> None:
            init(self, *args, **options)
            makers.note(self.fileno(), sys._getframe(1))  # noqa: SLF001  a traceback costs too much

        socket.socket.__init__ = noted  # type: ignore[method-assign]
        self._hook, sys.unraisablehook = sys.unraisablehook, self._found

    def _found(self, found: "sys.UnraisableHookArgs") -> None:
        if isinstance(found.exc_value, ResourceWarning) and isinstance(found.object, socket.socket):
            words, is_ours = self.makers.of(found.object)
            if not is_ours:
                self.makers.told.append(f"{found.object!r} {words}")
                return
            given = {name: getattr(found, name) for name in ("exc_type", "exc_value", "object")}
            told: Any = SimpleNamespace(**given, exc_traceback=found.exc_traceback, err_msg=words)
            self._hook(told)
        else:
            self._hook(found)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Know which test runs."""
        self.makers.test = item.nodeid
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Give what was told to the controller."""
        socket.socket.__init__ = self._init  # type: ignore[method-assign]
        sys.unraisablehook = self._hook
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["sockets"] = self.makers.told

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a process of the run was told."""
        self.makers.told += getattr(node, "workeroutput", {}).get("sockets", [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what a test's helper left open."""
        if self.makers.told:
            terminalreporter.section("sockets that tests left open")
            for line in self.makers.told:
                terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Register one for this process."""
    config.pluginmanager.register(Leaks(), "leaks")
