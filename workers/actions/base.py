"""What a built-in action is given: its inputs, a way to run commands, and where results go."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.engine.states import StepStatus
from workers.executors.base import CannotStart, Command, Process
from workers.runner.commands import Effects, stopped, watch
from workers.runner.run import SUCCEEDED, Attempt, Ended
from workers.runner.stopping import supervise

T = TypeVar("T")
MAX_CAPTURED = 1 << 20


class ActionFailed(Exception):
    """The action could not do its work; the text is the reason of the step."""


class Interrupted(Exception):
    """The action was stopped: cancel or a time-out."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.reason)
        self.ended = ended


@dataclass(frozen=True, slots=True)
class ActionCall:
    """One use of an action. `inputs` has a value for every input that was given or has a default;
    `given` are the names under `with`. `env` is that of the step."""

    attempt: Attempt
    inputs: Mapping[str, str]
    given: frozenset[str]
    env: Mapping[str, str]
    effects: Effects

    @property
    def workspace(self) -> Path:
        return self.attempt.run.sandbox.paths.workspace

    def flag(self, name: str) -> bool:
        """A boolean input.

        Raises:
            ActionFailed: it is neither true nor false.
        """
        value = self.inputs.get(name, "").strip().lower()
        if value not in ("true", "false", ""):
            raise ActionFailed(f"Input {name!r} must be true or false, not {value!r}.")
        return value == "true"

    def number(self, name: str, *, least: float = 0) -> float:
        """A numeric input.

        Raises:
            ActionFailed: it is no number, or too small.
        """
        text = self.inputs.get(name, "").strip()
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value < float("inf"):
            raise ActionFailed(f"Input {name!r} must be a number from {least:g} on, not {text!r}.")
        return value

    async def log(self, line: str) -> None:
        """Print a line into the log of the step."""
        await self.attempt.log.note(line)

    async def run(
        self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> int:
        """Run a command as the job, its output in the log; gives the exit code.

        Raises:
            ActionFailed: it cannot be started.
            Interrupted: it was stopped.
        """
        ended = await watch(self.attempt, self._start(argv, cwd, env))
        if ended.exit_code is None:
            raise Interrupted(ended)
        return ended.exit_code

    async def capture(
        self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a command as the job and take its output, at most 1 MiB of it.

        Raises:
            ActionFailed: it cannot be started.
            Interrupted: it was stopped.
        """
        process = self._start(argv, cwd, env)
        return await self.interruptible(_collect(process), process)

    async def interruptible(self, work: Awaitable[T], process: Process | None = None) -> T:
        """Wait for something that a cancel or a time-out ends.

        Raises:
            Interrupted: it was stopped.
        """
        task = asyncio.ensure_future(work)
        cause = await supervise(
            task,
            process or _Cancellable(task),
            self.attempt.run.stopper,
            deadline=self.attempt.deadline,
            survives_cancel=self.attempt.survives_cancel,
            grace_s=self.attempt.run.settings.grace_s,
        )
        if cause is not None:
            raise Interrupted(stopped(cause))
        return task.result()

    def _start(
        self, argv: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None
    ) -> Process:
        run = self.attempt.run
        variables = run.process_env({**self.env, **(env or {})})
        try:
            return run.sandbox.start(Command(argv, cwd or self.workspace, variables))
        except CannotStart as error:
            raise ActionFailed(str(error)) from None


class _Cancellable:
    """A task as something that can be stopped."""

    def __init__(self, task: "asyncio.Future[Any]") -> None:
        self._task = task

    async def stop(self, grace_s: float) -> None:
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=1.0)

    def kill(self) -> None:
        self._task.cancel()


async def _collect(process: Process) -> tuple[int, str]:
    parts: list[bytes] = []
    size = 0
    while data := await process.read():
        size += len(data)
        if size <= MAX_CAPTURED:
            parts.append(data)
    return await process.wait(), b"".join(parts).decode("utf-8", "replace")


ActionBody = Callable[[ActionCall], Awaitable[None]]


async def run_action(body: ActionBody, call: ActionCall) -> Ended:
    """Run an action and say how it ended."""
    try:
        await body(call)
    except Interrupted as error:
        return error.ended
    except ActionFailed as error:
        await call.log(f"##[error]{error}")
        return Ended(StepStatus.FAILURE, None, str(error))
    return SUCCEEDED
