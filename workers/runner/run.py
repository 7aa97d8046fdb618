"""The state of one running job, shared by everything that runs in it."""

import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.states import StepStatus
from workers.executors.base import Command, Process, Sandbox
from workers.executors.docker.place import ContainerPlace
from workers.runner.coalescing import Delivery
from workers.runner.environment import search_path
from workers.runner.logsink import StepLog
from workers.runner.masking import Masker
from workers.runner.ports import Annotation, Assignment
from workers.runner.scope import Scope
from workers.runner.settings import RunnerSettings
from workers.runner.stopping import Stopper
from workers.runner.workflow_commands import WorkflowCommands


@dataclass(frozen=True, slots=True)
class Ended:
    """How the body of a step, or of a step of a composite action, ended."""

    status: StepStatus
    exit_code: int | None = None
    reason: str | None = None

    @property
    def outcome(self) -> StepStatus:
        """As `steps.<id>.outcome` says it: GitHub knows no `timed_out`."""
        return StepStatus.FAILURE if self.status is StepStatus.TIMED_OUT else self.status


SUCCEEDED = Ended(StepStatus.SUCCESS, 0)


@dataclass(slots=True)
class JobRun:
    """One job as it runs.

    `base_env` is what every process gets first and the job may change, `fixed_env` what it may not.
    `paths` are the additions of `$GITHUB_PATH`, oldest first. `posts` are run after the last step,
    newest first.
    """

    assignment: Assignment
    sandbox: Sandbox
    masker: Masker
    delivery: Delivery
    stopper: Stopper
    settings: RunnerSettings
    scope: Scope
    base_env: Mapping[str, str]
    fixed_env: dict[str, str]
    paths: list[str] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    posts: list["Post"] = field(default_factory=list)
    first_failure: str | None = None
    container: ContainerPlace | None = None
    """Where the commands of steps run; None: on the host, as built-in actions always do."""
    has_setup_step: bool = False
    untouched_files: dict[str, Path] = field(default_factory=dict)
    """The environment files of the last command, when it wrote nothing into them."""
    files_made: int = 0

    def process_env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process on the host, `env` being that of its step."""
        merged = {**self.base_env, **self.scope.env, **env}
        if self.container is not None:
            # What steps say about these is about their container.
            here = {"PATH": self.sandbox.search_path, "HOME": self.base_env["HOME"]}
            return {**merged, **here, **self.fixed_env}
        base = merged.get("PATH", self.sandbox.search_path)
        return {**merged, "PATH": search_path(self.paths, base), **self.fixed_env}

    def command_env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment of a command of a step, wherever it runs."""
        if self.container is None:
            return self.process_env(env)
        merged = {**self.container.variables, **self.scope.env, **env}
        base = merged.get("PATH", self.container.search_path)
        return {**merged, "PATH": search_path(self.paths, base), **self.fixed_env}

    def start(self, command: Command) -> Process:
        """Start a command of a step.

        Raises:
            CannotStart: it cannot be started there.
        """
        return (self.container or self.sandbox).start(command)

    async def has(self, program: str, path: str) -> bool:
        """Whether the commands of steps find a program in this PATH."""
        if self.container is not None:
            return await self.container.has(program, path)
        return shutil.which(program, path=path) is not None

    @property
    def place(self) -> str:
        """Where the commands of steps run, for people."""
        return (
            "on this worker" if self.container is None else f"in the image {self.container.image}"
        )

    def name_action(self, scope: Scope, name: str) -> None:
        """Say which step runs now: `github.action` and its variables."""
        scope.github["action"] = name
        self.fixed_env["GITHUB_ACTION"] = self.fixed_env["ANSFLOW_ACTION"] = name

    def next_file(self) -> int:
        """A number for files that no other step of this job has."""
        self.files_made += 1
        return self.files_made


@dataclass(slots=True)
class Attempt:
    """One attempt of one step of the file; the steps of a composite action share it.

    `deadline` is the loop time at which its `timeout-minutes` are over.
    """

    run: JobRun
    index: int
    log: StepLog
    commands: WorkflowCommands
    survives_cancel: Callable[[], bool]
    deadline: float | None = None
    summaries: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Post:
    """What an action runs at the end of the job."""

    name: str
    condition: str
    body: Callable[[Attempt], Awaitable[Ended]]
