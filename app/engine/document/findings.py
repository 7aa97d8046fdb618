"""What checking a file finds: diagnostics, and the expressions that are still to be parsed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from app.engine.definition import Diagnostic, Position
from app.engine.document.nodes import Node, ScalarNode, position

Severity = Literal["error", "warning", "notice"]

UNAVAILABLE = frozenset(
    {"remote_action_unavailable", "remote_workflow_unavailable", "unsupported_feature"}
)
"""Codes of errors that say: a valid file, but it cannot run here."""

MAX_ERRORS = 200
"""After so many errors checking stops: nobody reads on, and hints about near words are slow."""


class TooManyErrors(Exception):
    """The file has so many errors that checking stops."""


@dataclass(frozen=True, slots=True)
class Written:
    """A scalar with an expression in it.

    `key` names the row of GitHub's table of context availability; `is_condition` is true for
    `if`, whose text is an expression even without `${{ }}`.
    """

    node: ScalarNode
    key: str
    path: str
    is_condition: bool = False


@dataclass(slots=True)
class Findings:
    """Collects; the order is that of finding, and `load` sorts by position.

    `features` are the optional features that can be run here.
    """

    features: frozenset[str] = frozenset()
    diagnostics: list[Diagnostic] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    _errors: int = 0

    def error(self, code: str, message: str, node: Node, path: str) -> None:
        """Record something that refuses the file.

        Raises:
            TooManyErrors: it was one too many.
        """
        self.add("error", code, message, position(node), path)

    def notice(self, code: str, message: str, node: Node, path: str) -> None:
        """Record something that is accepted and has no effect."""
        self.add("notice", code, message, position(node), path)

    def warning(self, code: str, message: str, node: Node, path: str) -> None:
        """Record something that works but is hardly meant."""
        self.add("warning", code, message, position(node), path)

    def unsupported(self, feature: str, name: str, node: Node, path: str) -> None:
        """Record the use of a feature, unless it is among `features`."""
        if feature not in self.features:
            message = f"'{name}' is valid, but this installation cannot run it"
            self.error("unsupported_feature", message, node, path)

    def add(self, severity: Severity, code: str, message: str, place: Position, path: str) -> None:
        """Record one finding.

        Raises:
            TooManyErrors: it was one error too many.
        """
        self.diagnostics.append(Diagnostic(severity, code, message, place, path))
        if severity == "error" and code not in UNAVAILABLE:
            self._errors += 1
            if self._errors >= MAX_ERRORS:
                raise TooManyErrors

    def near(self, word: str, known: Iterable[str]) -> str:
        """As `near`, while there are not so many findings that hints would take long."""
        return near(word, known) if len(self.diagnostics) < MAX_ERRORS else ""


def near(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: what it may have been, or what is known."""
    candidates = sorted(known)[:1000]
    if meant := did_you_mean(word, candidates):
        return meant
    shown = ", ".join(shortened(candidate) for candidate in candidates[:40])
    return f"; known are: {shown}" if shown else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: what it may have been; empty: no idea."""
    by_case = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(word[:100].lower(), list(by_case), n=3, cutoff=0.6)
    if not matches:
        return ""
    return "; did you mean " + " or ".join(f"'{by_case[match]}'" for match in matches) + "?"


def joined(words: Iterable[str]) -> str:
    """Words for a message: `'a', 'b' or 'c'`."""
    *first, last = [f"'{word}'" for word in words]
    return f"{', '.join(first)} or {last}" if first else last


def shortened(text: str, limit: int = 60) -> str:
    """Text of the file as a message shows it: one line, not endless."""
    line = " ".join(text[: 20 * limit].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
