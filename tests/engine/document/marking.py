"""Small pipeline files with a mark where something is to be found."""

import textwrap

from app.engine.document import load

MARK = "▶"


def marked(text: str) -> tuple[str, tuple[int, int]]:
    """The text without its mark, and the line and column where the mark stood."""
    text = textwrap.dedent(text).lstrip("\n")
    before, mark, after = text.partition(MARK)
    assert mark, "a row marks the place with ▶"
    assert MARK not in after
    return before + after, (before.count("\n") + 1, len(before) - before.rfind("\n"))


def found(text: str, severity: str = "error") -> list[tuple[str, tuple[int, int]]]:
    return [
        (each.code, (each.position.line, each.position.column))
        for each in load(text).diagnostics
        if each.severity == severity
    ]


def job(body: str) -> str:
    """A file with one job that has these lines."""
    return "jobs:\n  a:\n    runs-on: x\n" + textwrap.indent(textwrap.dedent(body), "    ")


def step(body: str) -> str:
    """A file with one step that has these lines."""
    lines = textwrap.dedent(body).strip("\n").split("\n")
    return job("steps:\n  - " + "\n    ".join(lines) + "\n")


def on(body: str) -> str:
    """A file with these triggers and a valid job."""
    indented = textwrap.indent(textwrap.dedent(body), "  ")
    return f"on:\n{indented}\njobs: {{a: {{runs-on: x}}}}\n"
