"""Calls of the engine while a job is set up: in its log, and ended by a cancel or a time-out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workers.actions.base import ActionCall, ActionFailed
from workers.executors.base import Process
from workers.executors.docker.engine import Engine
from workers.executors.docker.place import start_call
from workers.executors.process import HostProcess
from workers.guard_process import LABEL, MARKER_VARIABLE
from workers.runner.commands import Effects
from workers.runner.run import Attempt, JobRun

MAX_KEPT: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Calls:
    """The engine as one attempt calls it; `marker` is what the guard finds containers by."""

    attempt: Attempt
    engine: Engine

    @property
    def run(self) -> JobRun:
        return self.attempt.run

    @property
    def marker(self) -> str:
        return self.run.fixed_env[MARKER_VARIABLE]

    @property
    def prefix(self) -> str:
        """How the names of networks and volumes of this job begin."""
        return f"ansflow-{self.marker[:16]}"

    @property
    def labels(self) -> tuple[str, ...]:
        assignment = self.run.assignment
        return (
            f"--label={LABEL}={self.marker}",
            f"--label={LABEL}.id={assignment.job_id}",
            f"--label={LABEL}.attempt={assignment.attempt}",
            f"--label={LABEL}.key={assignment.key}",
        )

    async def logged(
        self,
        command: Sequence[str],
        arguments: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Call with the output in the log; the end of it. `variables` are for what it starts.

        Raises:
            ActionFailed: it ended with another code than 0; the reason is its last line.
            CannotStart, Interrupted.
        """
        shown = [word for word in (*command, *arguments) if not word.startswith("--label=")]
        await self.attempt.log.note("##[command]docker " + " ".join(shown))
        if variables is None:
            process = self._start((*command, *arguments))
        else:
            variables = {**variables, MARKER_VARIABLE: self.marker}
            process = start_call(self.engine, self.run.sandbox, command, arguments, variables)
        code, output = await self._interruptible(process, is_logged=True)
        if code != 0:
            lines = output.strip().splitlines() or [f"exit code {code}"]
            raise ActionFailed(f"docker {command[0]} failed: {_told(lines)}")
        return output

    async def asked(self, *arguments: str, stdin: int | None = None) -> tuple[int, str]:
        """The exit code and the output of a call.

        Raises: CannotStart; Interrupted.
        """
        code, output = await self._interruptible(self._start(arguments, stdin), is_logged=False)
        return code, output.strip()

    def _start(self, arguments: Sequence[str], stdin: int | None = None) -> HostProcess:
        process = self.engine.start(arguments, env={MARKER_VARIABLE: self.marker}, stdin=stdin)
        self.run.sandbox.track(process)
        return process

    async def _interruptible(self, process: Process, *, is_logged: bool) -> tuple[int, str]:
        call = ActionCall(self.attempt, {}, frozenset(), {}, Effects())
        return await call.interruptible(self._collect(process, is_logged), process)

    async def _collect(self, process: Process, is_logged: bool) -> tuple[int, str]:
        kept = b""
        while data := await process.read():
            kept = (kept + data)[-MAX_KEPT:]
            if is_logged:
                await self.attempt.log.feed(data)
        return await process.wait(), kept.decode("utf-8", "replace")


def _told(lines: Sequence[str]) -> str:
    """The line that says what is wrong: docker ends with a hint how to get help."""
    said = [
        line.strip()
        for line in lines
        if line.strip() and "--help" not in line and not line.startswith("Usage:")
    ]
    return said[-1] if said else lines[-1]
