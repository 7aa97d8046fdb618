"""The log of a step, a job or an execution: parts in order, one per step try."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import BadRequest
from app.engine.states import TERMINAL_STEP, StepStatus


class LogPositionIsUnknown(BadRequest):
    code, title = "unknown_log_position", "No such position in this log"


@dataclass(frozen=True, slots=True)
class Part:
    """The log of one try of one step.

    `lines`, `bytes`, `sha256` and `complete` are known once the step ended.
    """

    step_id: uuid.UUID
    execution_id: uuid.UUID
    job_id: uuid.UUID
    job_position: int
    job_key: str
    job_name: str
    attempt: int
    index: int
    try_number: int
    name: str
    status: StepStatus
    outcome: str | None
    conclusion: str | None
    exit_code: int | None
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    lines: int | None
    bytes: int | None
    sha256: str | None
    complete: bool | None

    @property
    def has_ended(self) -> bool:
        """True when no line will come any more."""
        return self.status in TERMINAL_STEP

    @property
    def may_have_lines(self) -> bool:
        """False for steps that did not start, or ended without a line."""
        return self.status not in (StepStatus.PENDING, StepStatus.SKIPPED) and self.lines != 0


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A line of a part; lines count from 1."""

    part: int
    line: int

    def text(self, parts: Sequence[Part]) -> str:
        """The form that clients get and send back."""
        return f"{parts[self.part].step_id}:{self.line}"


def position_of(text: str, parts: Sequence[Part]) -> LogPosition:
    """The position that a client names: `<step id>:<line>` or `<step index>:<line>`.

    An index means the first step of that index among `parts`.
    Raises: LogPositionIsUnknown.
    """
    step, line = parse_position(text)
    for number, part in enumerate(parts):
        if step in (str(part.step_id), str(part.index)):
            return LogPosition(number, line)
    raise LogPositionIsUnknown(f"this log has no step {step[:80]!r}")


def parse_position(text: str) -> tuple[str, int]:
    """Step (id or index) and line of `<step>:<line>`.

    Raises: LogPositionIsUnknown.
    """
    step, _, line = text.rpartition(":")
    if step and line.isascii() and line.isdigit() and len(line) <= 18:
        return step, int(line)
    raise LogPositionIsUnknown(
        f"{text[:80]!r} is no position in a log; positions are <step id>:<line> or "
        "<step index>:<line>, such as 0:1"
    )
