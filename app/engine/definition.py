"""The typed form of a pipeline file: frozen values with their lines, made by `app.engine.document`.

Scalars that may hold `${{ }}` stay as written (`Scalar`); they are evaluated by the plan, the
machine or the worker, each at its own time. The syntax and its meaning are those of GitHub's
"Workflow syntax for GitHub Actions"; `priority`, `retry`, `reports` and top-level `steps` are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scalar = str | int | float | bool | None
Value = Any
"""Any YAML value: a scalar, a list or a map, possibly with expressions in its scalars."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a file. `code` is stable and snake_case; an error refuses the file."""

    severity: Literal["error", "warning", "notice"]
    code: str
    message: str
    position: Position
    path: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """`retry:` of a job or a step (ours). Delays are in seconds; `on` names the causes."""

    max_attempts: int = 1
    delay_seconds: float = 0.0
    backoff: float = 1.0
    on: frozenset[str] = frozenset({"failure", "timed_out"})


@dataclass(frozen=True, slots=True)
class RunDefaults:
    """`defaults.run`: what a `run` step takes when it says nothing itself."""

    shell: str | None = None
    working_directory: str | None = None


@dataclass(frozen=True, slots=True)
class Concurrency:
    """`concurrency:`: a group name (may hold expressions) and whether newcomers cancel."""

    group: str
    cancel_in_progress: Scalar = False
    position: Position = Position(1, 1)


@dataclass(frozen=True, slots=True)
class Environment:
    """`environment:` of a job: its name selects protection rules; both may hold expressions."""

    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `index` counts from 0 in its job.

    Exactly one of `run` and `uses` is set, but for a step that was reported as an unsupported
    feature (`wait`, `parallel` and such). `with_` and `env` are text when one expression stands
    for the map.
    """

    index: int
    position: Position
    id: str | None = None
    name: str | None = None
    condition: str | None = None
    run: str | None = None
    shell: str | None = None
    working_directory: str | None = None
    uses: str | None = None
    with_: Mapping[str, Scalar] | str = field(default_factory=dict)
    env: Mapping[str, Scalar] | str = field(default_factory=dict)
    continue_on_error: Scalar = False
    timeout_minutes: Scalar = None
    retry: Retry = Retry()

    @property
    def title(self) -> str:
        """Its name as written; without one, what it runs, as on GitHub."""
        if self.name:
            return self.name
        lines = (self.uses or self.run or "").strip().splitlines()
        return f"Run {lines[0].strip()}" if lines else "Run"


@dataclass(frozen=True, slots=True)
class Strategy:
    """`strategy:`. `matrix` is the map as written, or one expression as text; None: no matrix."""

    matrix: Mapping[str, Value] | str | None = None
    fail_fast: Scalar = True
    max_parallel: Scalar = None
    position: Position = Position(1, 1)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a file. A job with `uses` calls a reusable workflow and has no steps."""

    id: str
    position: Position
    name: str | None = None
    needs: tuple[str, ...] = ()
    condition: str | None = None
    condition_position: Position | None = None
    runs_on: tuple[str, ...] | str = ()
    environment: Environment | None = None
    concurrency: Concurrency | None = None
    outputs: Mapping[str, Scalar] = field(default_factory=dict)
    env: Mapping[str, Scalar] | str = field(default_factory=dict)
    defaults: RunDefaults = RunDefaults()
    strategy: Strategy = Strategy()
    timeout_minutes: Scalar = 360
    continue_on_error: Scalar = False
    container: Value = None
    services: Value = None
    uses: str | None = None
    with_: Mapping[str, Scalar] = field(default_factory=dict)
    secrets: Mapping[str, Scalar] | Literal["inherit"] = field(default_factory=dict)
    retry: Retry = Retry()
    junit_reports: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


InputKind = Literal["string", "boolean", "number", "choice", "environment"]


@dataclass(frozen=True, slots=True)
class Input:
    """A typed input of `workflow_dispatch` or `workflow_call`."""

    name: str
    kind: InputKind = "string"
    description: str | None = None
    required: bool = False
    default: Scalar = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The filters of one event under `on:`; None means that the filter was not given."""

    event: str
    types: tuple[str, ...] | None = None
    branches: tuple[str, ...] | None = None
    branches_ignore: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    tags_ignore: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    paths_ignore: tuple[str, ...] | None = None
    workflows: tuple[str, ...] | None = None
    position: Position = Position(1, 1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One entry of `on.schedule`: a cron expression of five fields in a time zone."""

    cron: str
    timezone: str = "UTC"
    position: Position = Position(1, 1)


@dataclass(frozen=True, slots=True)
class CallSecret:
    """A secret that a reusable workflow declares under `on.workflow_call.secrets`."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Triggers:
    """All of `on:`. `events` has one entry per event name, in the order of the file."""

    events: tuple[EventFilter, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    dispatch_inputs: tuple[Input, ...] = ()
    call_inputs: tuple[Input, ...] = ()
    call_secrets: tuple[CallSecret, ...] = ()
    call_outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole pipeline file that passed validation."""

    jobs: Mapping[str, Job]
    name: str | None = None
    run_name: str | None = None
    on: Triggers = Triggers()
    env: Mapping[str, Scalar] = field(default_factory=dict)
    defaults: RunDefaults = RunDefaults()
    concurrency: Concurrency | None = None
    priority: Literal["high", "medium", "low"] = "high"
