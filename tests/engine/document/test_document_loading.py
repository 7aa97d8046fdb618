"""What a valid file becomes."""

import pytest

from app.engine.definition import (
    CallSecret,
    Concurrency,
    Environment,
    EventFilter,
    Input,
    Position,
    Retry,
    RunDefaults,
    Schedule,
    Step,
)
from app.engine.document import (
    Action,
    ActionInput,
    Dialect,
    InvalidDefinition,
    load,
    require,
    resolve,
)
from app.engine.document.build import ONLY_JOB

EVERYTHING = """\
name: All
run-name: Run ${{ github.run_number }}
priority: low
on:
  push:
    branches: [main, 'releases/**']
    tags-ignore: 'v0*'
    paths: ['src/**', '!src/docs/**']
  pull_request:
  workflow_run: {workflows: Build, types: [completed]}
  schedule:
    - cron: '0 5 * * MON'
      timezone: Europe/Berlin
    - cron: '*/5 * * * *'
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [info, debug], default: info, description: How loud}
      count: {type: number, required: true}
      plain:
  workflow_call:
    inputs: {who: {type: string, default: you}}
    secrets: {token: {required: true}, other: }
    outputs: {url: {value: '${{ jobs.deploy.outputs.url }}'}}
env: {A: 1, B: true, C: 1.50, D: , E: text}
defaults: {run: {shell: bash, working-directory: src}}
concurrency: {group: 'g-${{ github.ref }}', cancel-in-progress: true}
jobs:
  build:
    name: Build it
    runs-on: [self-hosted, GPU]
    if: github.ref == 'refs/heads/main'
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        os: [a, b]
        include: [{os: c, extra: {deep: [1]}}]
    outputs: {v: '${{ steps.one.outputs.v }}'}
    timeout-minutes: 10
    retry: {max-attempts: 3, delay-seconds: 5, backoff: 2, on: [worker_lost]}
    reports: {junit: 'out/*.xml'}
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - id: one
        name: First
        run: |
          echo a
          echo b
        shell: python
        working-directory: sub
        env: {X: y}
        if: failure()
        continue-on-error: true
        timeout-minutes: 1.5
        retry: {max-attempts: 2}
      - run: x
        env: ${{ fromJSON(env.J) }}
  deploy:
    needs: BUILD
    runs-on: ${{ matrix.os }}
    environment: {name: production, url: 'http://x'}
    concurrency: one
    continue-on-error: ${{ matrix.x }}
    strategy: {matrix: '${{ fromJSON(needs.build.outputs.v) }}'}
  call:
    needs: [build, deploy, build]
    uses: ./.github/workflows/x.yml
    with: {n: 1}
    secrets: inherit
"""


def place(fragment: str) -> Position:
    """Where the fragment begins; it stands once in the file."""
    assert EVERYTHING.count(fragment) == 1
    before = EVERYTHING[: EVERYTHING.index(fragment)]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


class TestDefinition:
    def test_the_top_level(self) -> None:
        definition = require(EVERYTHING)
        assert (definition.name, definition.priority) == ("All", "low")
        assert definition.run_name == "Run ${{ github.run_number }}"
        assert definition.env == {"A": 1, "B": True, "C": 1.5, "D": None, "E": "text"}
        assert definition.defaults == RunDefaults("bash", "src")
        assert definition.concurrency == Concurrency(
            "g-${{ github.ref }}", True, place("{group: 'g-")
        )
        assert list(definition.jobs) == ["build", "deploy", "call"]

    def test_triggers(self) -> None:
        on = require(EVERYTHING).on
        assert [event.event for event in on.events] == [
            "push",
            "pull_request",
            "workflow_run",
            "schedule",
            "workflow_dispatch",
            "workflow_call",
        ]
        assert on.events[0] == EventFilter(
            "push",
            branches=("main", "releases/**"),
            tags_ignore=("v0*",),
            paths=("src/**", "!src/docs/**"),
            position=place("push:"),
        )
        assert (on.events[2].workflows, on.events[2].types) == (("Build",), ("completed",))
        assert on.schedules == (
            Schedule("0 5 * * MON", "Europe/Berlin", place("cron: '0 5")),
            Schedule("*/5 * * * *", "UTC", place("cron: '*/5")),
        )

    def test_inputs(self) -> None:
        on = require(EVERYTHING).on
        assert on.dispatch_inputs == (
            Input("level", "choice", "How loud", False, "info", ("info", "debug")),
            Input("count", "number", required=True),
            Input("plain"),
        )
        assert on.call_inputs == (Input("who", default="you"),)
        assert on.call_secrets == (CallSecret("token", True), CallSecret("other"))
        assert on.call_outputs == {"url": "${{ jobs.deploy.outputs.url }}"}

    def test_a_job(self) -> None:
        job = require(EVERYTHING).jobs["build"]
        assert (job.id, job.name, job.position) == ("build", "Build it", place("build:\n"))
        assert job.runs_on == ("self-hosted", "GPU")
        assert job.condition == "github.ref == 'refs/heads/main'"
        assert job.condition_position == place("github.ref == ")
        assert (job.strategy.fail_fast, job.strategy.max_parallel) == (False, 2)
        assert job.strategy.matrix == {
            "os": ["a", "b"],
            "include": [{"os": "c", "extra": {"deep": [1]}}],
        }
        assert job.outputs == {"v": "${{ steps.one.outputs.v }}"}
        assert job.timeout_minutes == 10
        assert job.retry == Retry(3, 5.0, 2.0, frozenset({"worker_lost"}))
        assert job.junit_reports == ("out/*.xml",)

    def test_steps(self) -> None:
        checkout, one, three = require(EVERYTHING).jobs["build"].steps
        assert checkout == Step(
            0, place("uses: actions"), uses="actions/checkout@v4", with_={"fetch-depth": 0}
        )
        assert one == Step(  # noqa: S604  # the shell of a step, nothing is started
            index=1,
            position=place("id: one"),
            id="one",
            name="First",
            condition="failure()",
            run="echo a\necho b\n",
            shell="python",
            working_directory="sub",
            env={"X": "y"},
            continue_on_error=True,
            timeout_minutes=1.5,
            retry=Retry(2),
        )
        assert three.env == "${{ fromJSON(env.J) }}"

    def test_expressions_stay_as_written(self) -> None:
        job = require(EVERYTHING).jobs["deploy"]
        assert job.runs_on == "${{ matrix.os }}"
        assert job.strategy.matrix == "${{ fromJSON(needs.build.outputs.v) }}"
        assert job.continue_on_error == "${{ matrix.x }}"
        assert job.environment == Environment("production", "http://x")
        assert job.concurrency == Concurrency("one", position=place("one\n    continue"))

    def test_needs_have_the_case_of_the_job_and_no_doubles(self) -> None:
        jobs = require(EVERYTHING).jobs
        assert jobs["deploy"].needs == ("build",)
        assert jobs["call"].needs == ("build", "deploy")

    def test_a_calling_job(self) -> None:
        job = require(EVERYTHING).jobs["call"]
        assert (job.uses, job.with_, job.secrets) == (
            "./.github/workflows/x.yml",
            {"n": 1},
            "inherit",
        )
        assert job.steps == ()


class TestShortForms:
    def test_steps_at_the_top_level_are_one_job(self) -> None:
        definition = require("steps:\n  - run: a\n  - run: b\n")
        assert [step.run for step in definition.jobs[ONLY_JOB].steps] == ["a", "b"]
        assert definition.jobs[ONLY_JOB].runs_on == ()
        assert definition.on.events == ()

    def test_events_as_text_or_list(self) -> None:
        for on, names in (("push", ["push"]), ("[push, create, push]", ["push", "create"])):
            events = require(f"on: {on}\nsteps: [{{run: x}}]").on.events
            assert [event.event for event in events] == names

    def test_conditions_may_be_booleans_numbers_or_nothing(self) -> None:
        text = "jobs: {a: {runs-on: x, if: false}, b: {runs-on: x, if: 0}, c: {runs-on: x, if: }}"
        jobs = require(text).jobs
        assert [job.condition for job in jobs.values()] == ["false", "0", None]

    def test_names_that_yaml_reads_as_numbers_are_text(self) -> None:
        definition = require("name: 1.10\nsteps: [{run: 5, name: true}]")
        step = definition.jobs[ONLY_JOB].steps[0]
        assert (definition.name, step.run, step.name) == ("1.1", "5", "true")

    def test_labels_of_a_group(self) -> None:
        text = "jobs: {a: {runs-on: {group: g, labels: [b, c]}}, d: {runs-on: {labels: e}}}"
        assert [job.runs_on for job in require(text).jobs.values()] == [("b", "c"), ("e",)]


class TestRequire:
    def test_an_invalid_file_raises_with_all_diagnostics(self) -> None:
        with pytest.raises(InvalidDefinition, match="line 1, column 15: expected") as caught:
            require("steps: [{run: [x]}, {uses: nothing}]")
        assert [each.code for each in caught.value.diagnostics] == ["wrong_type", "unknown_action"]

    def test_a_file_that_cannot_run_here_raises(self) -> None:
        with pytest.raises(InvalidDefinition, match="cannot be fetched"):
            require("steps: [{uses: actions/setup-node@v4}]")

    def test_notices_and_warnings_do_not_raise(self) -> None:
        text = "permissions: {}\nsteps: [{run: 'echo ${{ inputs.x }}'}]"
        assert [each.severity for each in load(text).diagnostics] == ["notice", "warning"]
        assert require(text).jobs


class TestDialect:
    def test_features_that_an_installation_has_are_accepted(self) -> None:
        text = "jobs: {a: {runs-on: x, snapshot: image, steps: [{run: x}]}}"
        with pytest.raises(InvalidDefinition, match="snapshot"):
            require(text)
        assert require(text, dialect=Dialect(features=frozenset({"snapshot"}))).jobs

    def test_actions_that_an_installation_adds_are_known(self) -> None:
        action = Action("Says something.", {"text": ActionInput("What.", required=True)})
        dialect = Dialect(actions={"say": action})
        require("steps: [{uses: say, with: {TEXT: a}}]", dialect=dialect)
        with pytest.raises(InvalidDefinition, match="needs the input 'text'"):
            require("steps: [{uses: say}]", dialect=dialect)

    @pytest.mark.parametrize(
        ("uses", "name"),
        [
            ("checkout", "checkout"),
            ("actions/checkout@v4", "checkout"),
            ("Actions/Checkout@8f4b7f84864484a7bf31766abe9204da3cbe65b3", "checkout"),
            ("actions/cache@main", "cache"),
            ("actions/cache/restore@v4", None),
            ("actions/checkout", None),
            ("actions/checkout@", None),
            ("./checkout", None),
        ],
    )
    def test_public_names_mean_built_in_actions(self, uses: str, name: str | None) -> None:
        assert resolve(uses) == name
