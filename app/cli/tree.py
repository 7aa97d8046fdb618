"""Tells an execution on a terminal: log lines scroll, a tree of jobs and steps stays below."""

import re
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from app.cli.watching import Narrator
from app.cli.wording import seconds, sign, step_result, step_title
from app.core.log_chunks import Line
from app.engine.states import TERMINAL_JOB, JobStatus
from app.executions.schemas import ExecutionDetail, JobDetail, StepRead
from app.logs.schemas import LogPart

_STYLES = {
    "success": "green",
    "failure": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "cancelling": "yellow",
    "running": "cyan",
}


_PRINTED_NICELY = 200
"""Lines at once; of more, colours are kept but nothing is added."""
_NO_COLOUR = re.compile(
    r"\x1b(?!\[[0-9;]*m)(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?"
)


class TreeNarrator(Narrator):
    """Use as a context manager: the tree is drawn in between."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = Live(
            self,
            console=self._console,
            refresh_per_second=8,
            vertical_overflow="ellipsis",
            transient=True,
        )
        self._detail: ExecutionDetail | None = None

    def __enter__(self) -> "TreeNarrator":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._console.print(self)

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        if self._detail is not None:
            yield _tree(self._detail)

    def job_began(self, job: JobDetail) -> None:
        """Shown by the tree."""

    def job_ended(self, job: JobDetail) -> None:
        """Shown by the tree."""

    def job_again(self, job: JobDetail) -> None:
        self._say(job, "running", f"runs again: attempt {job.attempt}")

    def step_began(self, job: JobDetail, step: LogPart) -> None:
        self._say(job, "running", step_title(step))

    def step_ended(self, job: JobDetail, step: LogPart) -> None:
        if step.status != "success" or step.outcome == "failure":
            self._say(job, step.status, step_result(step))

    def lines(self, job: JobDetail, step: LogPart, lines: Sequence[Line]) -> None:
        if len(lines) > _PRINTED_NICELY:
            self._print_fast(job, lines)
            return
        text = Text()
        joined = False
        for line in lines:
            if not joined:
                text.append("\n" if text else "").append(f"{job.key} │ ", "dim")
            shown = _shown(line.text)
            text.append_text(Text.from_ansi(shown) if "\x1b" in shown else Text(shown))
            joined = line.continued
        self._console.print(text, soft_wrap=True)

    def _print_fast(self, job: JobDetail, lines: Sequence[Line]) -> None:
        """Many lines at once: styling each of them would take longer than making them."""
        written, joined = [], False
        for line in lines:
            written.append(_shown(line.text) if joined else f"{job.key} │ {_shown(line.text)}")
            joined = line.continued
            if not joined:
                written.append("\n")
        self._live.stop()
        self._console.file.write("".join(written) + ("\n" if joined else ""))
        self._live.start()

    def looked(self, detail: ExecutionDetail) -> None:
        self._detail = detail

    def _say(self, job: JobDetail, status: str, words: str) -> None:
        text = Text.assemble(
            (f"{job.key} ", "dim"), (f"{sign(status)} {words}", _STYLES.get(status, "dim"))
        )
        self._console.print(text, soft_wrap=True)


def _shown(text: str) -> str:
    """A line as a terminal may show it: colours, but nothing that moves the cursor."""
    if "\x1b" in text:
        text = _NO_COLOUR.sub("", text)
    return text.rstrip("\r").rpartition("\r")[2] if "\r" in text else text


def _tree(detail: ExecutionDetail) -> Tree:
    tree = Tree(_label(detail.status, detail.title, detail))
    branches: dict[str, Tree] = {}
    for job in detail.jobs:
        parent = branches.get(job.parent or "", tree)
        branch = parent.add(_label(job.status, job.name, job, reason=_reason(job)))
        branches[job.key] = branch
        if job.status not in TERMINAL_JOB or job.status in (
            JobStatus.FAILURE,
            JobStatus.TIMED_OUT,
        ):
            for step in job.steps:
                branch.add(_label(step.status, step.name, step))
    return tree


def _reason(job: JobDetail) -> str | None:
    return None if job.status in ("success", "running") else job.reason


def _label(
    status: str,
    name: str,
    timed: ExecutionDetail | JobDetail | StepRead,
    *,
    reason: str | None = None,
) -> Text:
    words = Text.assemble((f"{sign(status)} ", _STYLES.get(status, "dim")), name)
    if taken := seconds(timed.started_at, timed.finished_at):
        words.append(f" {taken}", "dim")
    if reason:
        words.append(f" ({reason})", "dim")
    return words
