"""What the API says about logs."""

import uuid
from datetime import datetime

from pydantic import Field

from app.core.schemas import Output
from app.engine.states import StepStatus


class LogLine(Output):
    """One numbered line."""

    step_id: uuid.UUID = Field(description="The step try that printed it")
    step: int = Field(description="Index of the step in its job, from 0")
    number: int = Field(description="Counts from 1 in the log of the step try")
    at: datetime = Field(description="When the line was read, to 10 ms")
    text: str = Field(description="Without its line break")
    continued: bool = Field(
        description="True when the line goes on in the next one: it was longer than 64 KiB"
    )


class LogPart(Output):
    """The log of one step try, as a whole."""

    step_id: uuid.UUID = Field(description="Id of this try")
    job_id: uuid.UUID = Field(description="Id of its job")
    job_key: str = Field(description="Unique in the execution: `build`, `test[0]`")
    attempt: int = Field(description="Attempt of the job")
    index: int = Field(description="Index of the step in its job, from 0")
    try_number: int = Field(description="Try of the step within the attempt")
    name: str = Field(description="Name, or what it runs")
    status: StepStatus = Field(description="State of the step")
    outcome: str | None = Field(description="Result before `continue-on-error`")
    conclusion: str | None = Field(description="Result after `continue-on-error`")
    exit_code: int | None = Field(description="Of its process; negative: the signal")
    reason: str | None = Field(description="Why it was skipped, cancelled or failed")
    started_at: datetime | None = Field(description="When its process started")
    finished_at: datetime | None = Field(description="When it ended")
    lines: int | None = Field(description="Known once the step ended")
    bytes: int | None = Field(description="Size of `.txt`, known once the step ended")
    sha256: str | None = Field(description="Of exactly the bytes of `.txt`, once the step ended")
    complete: bool | None = Field(
        description="Whether every line is stored; false after a worker was lost"
    )


class LogPage(Output):
    """Consecutive lines; fewer than `limit` when they are long."""

    lines: list[LogLine] = Field(description="In order of the steps, then of their numbers")
    next: str | None = Field(
        description="Send it as `from_line` to go on; null at the end of what is stored"
    )
    ended: bool = Field(description="False while more lines may come after the end")


class StepLogPage(LogPage):
    """Lines of one step try."""

    part: LogPart = Field(description="The step")


class JobLogPage(LogPage):
    """Lines of several steps."""

    parts: list[LogPart] = Field(description="The steps, in the order they run")
