"""What is valid and cannot run here, has no effect, or refers to nothing; and the hints."""

from pathlib import Path

import pytest

from app.engine.definition import Diagnostic
from app.engine.document import UNAVAILABLE, load
from app.engine.document.action_pages import as_markdown
from tests.engine.document.marking import found, job, marked, on, step

UNAVAILABLE_ROWS = {
    "action": ("remote_action_unavailable", step("uses: ▶actions/setup-node@v4")),
    "action in a folder": ("remote_action_unavailable", step("uses: ▶o/r/a/b@main")),
    "image": ("remote_action_unavailable", step("uses: ▶docker://alpine:3")),
    "workflow": (
        "remote_workflow_unavailable",
        "jobs: {a: {uses: ▶o/r/.github/workflows/b.yml@v1}}",
    ),
    "snapshot": ("unsupported_feature", job("▶snapshot: a")),
    "background step": ("unsupported_feature", step("run: x\n▶background: true")),
    "wait": ("unsupported_feature", step("▶wait: [a, b]")),
    "wait-all": ("unsupported_feature", step("▶wait-all:")),
    "parallel": ("unsupported_feature", step("▶parallel: [{run: a}, {run: b}]")),
}


@pytest.mark.parametrize(("code", "text"), UNAVAILABLE_ROWS.values(), ids=UNAVAILABLE_ROWS.keys())
def test_what_only_cannot_run_here_has_a_code_of_its_own_and_a_definition(
    code: str, text: str
) -> None:
    source, place = marked(text)
    assert found(source) == [(code, place)]
    assert code in UNAVAILABLE
    assert load(source).definition is not None


NOTICES = {
    "permissions": "▶permissions: read-all\nsteps: [{run: x}]",
    "permissions of a job": job("▶permissions: {}"),
    "hosted machine": "jobs: {a: {runs-on: ▶ubuntu-latest}}",
    "hosted machine in labels": "jobs: {a: {runs-on: [▶Linux, gpu]}}",
    "group of runners": "jobs: {a: {runs-on: {▶group: a, labels: b}}}",
    "queue of concurrency": "concurrency: {group: a, ▶queue: max}\nsteps: [{run: x}]",
    "event that starts nothing": "on: [push, ▶issues]\nsteps: [{run: x}]",
    "event with types that starts nothing": on("▶pull_request_target: {types: opened}"),
    "tags of a pull request": on("pull_request: {branches: a, ▶tags: b}"),
    "input of an action": step("uses: checkout\nwith: {▶github-server-url: x}"),
}


@pytest.mark.parametrize("text", NOTICES.values(), ids=NOTICES.keys())
def test_what_has_no_effect_is_noticed_and_accepted(text: str) -> None:
    source, place = marked(text)
    assert found(source, "notice") == [("no_effect", place)]
    assert load(source).definition is not None


WARNINGS = {
    "need": job("name: ${{ ▶needs.b.result }}"),
    "step": step("run: echo ${{ ▶steps.b.outputs.c }}"),
    "step in a condition": step("run: x\nif: ▶steps.b.outcome == 'failure'"),
    "input": "run-name: a ${{ ▶inputs.b }}\nsteps: [{run: x}]",
    "matrix": job("strategy: {matrix: {a: [1]}}\nname: ${{ ▶matrix.b }}"),
    "property of github": step("run: echo ${{ ▶github.shaa }}"),
    "property of the runner": step("run: echo ${{ ▶runner.oss }}"),
    "matrix without matrix": step("run: echo ${{ ▶matrix.b }}"),
    "job of an output": on("workflow_call: {outputs: {a: {value: '${{ ▶jobs.b.result }}'}}}"),
}


@pytest.mark.parametrize("text", WARNINGS.values(), ids=WARNINGS.keys())
def test_a_reference_to_nothing_is_a_warning_as_on_github(text: str) -> None:
    source, place = marked(text)
    assert found(source, "warning") == [("unknown_reference", place)]
    assert load(source).definition is not None


def test_an_event_that_is_listed_twice_is_a_warning() -> None:
    source, place = marked("on: [push, ▶push]\nsteps: [{run: x}]")
    assert found(source, "warning") == [("repeated_event", place)]


QUIET = {
    "known need": "jobs: {a: {runs-on: x}, b: {runs-on: x, needs: A, if: needs.a.result}}",
    "known step": job("steps:\n  - {run: x, id: one}\n  - run: echo ${{ steps.One.outputs.c }}"),
    "known input": on("workflow_call: {inputs: {b: {type: string}}}").replace(
        "runs-on: x", "runs-on: '${{ inputs.B }}'"
    ),
    "included key of the matrix": job(
        "strategy: {matrix: {include: [{b: 1}]}}\nname: ${{ matrix.b }}"
    ),
    "matrix that is not known yet": job(
        "strategy: {matrix: '${{ fromJSON(vars.M) }}'}\nname: ${{ matrix.b }}"
    ),
    "wildcard": job("needs: []\nname: ${{ join(needs.*.result) }}"),
}


@pytest.mark.parametrize("text", QUIET.values(), ids=QUIET.keys())
def test_a_reference_to_something_is_no_warning(text: str) -> None:
    assert load(text).diagnostics == ()


class TestHints:
    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("jobs: {a: {runs-on: x, step: []}}", "did you mean 'steps'"),
            (on("pull_requst: {}"), "did you mean 'pull_request'"),
            (job("needs: [bcd]"), "known are: a"),
            (step("uses: actions/chekout@v4"), "did you mean 'checkout'"),
            (step("uses: cach"), "did you mean 'cache'"),
            (step("uses: actions/setup-python@v5"), "steps use the tools of the worker"),
            (step("uses: docker/build-push-action@v6"), "use 'docker-build'"),
            (step("uses: actions/cache/restore@v4"), "use 'cache'"),
            (step("uses: checkout\nwith: {fetch-deph: 0}"), "did you mean 'fetch-depth'"),
            (step("run: x\nshell: bsh"), "did you mean 'bash' or 'sh'"),
            (on("schedule: [{cron: '0 0 * * MOM'}]"), "did you mean 'MON'"),
            (job("if: secrets.A"), "Available here: github, inputs, needs, vars"),
            (step("run: echo ${{ githb.ref }}"), "did you mean 'github'? Available here: env"),
            (step("run: echo ${{ contain('a') }}"), "did you mean 'contains'?"),
            (step("run: x\nif: github.ref = 'a'"), "'==' compares"),
            (step('run: x\nif: github.ref == "a"'), "text stands between single quotes"),
            (step("run: echo ${{ 1 + 2 }}"), "expressions cannot calculate"),
            (on("push: {branches: [*]}"), "put the value in quotes"),
            ("name: x\n  on: push", "put the value in quotes if it holds ': '"),
            ('on: push\nname: "x\njobs: 1\n', "the quote of line 2 is not closed"),
            ("on: [push\njobs: {}", "the '[' of line 1 is not closed"),
            ("on: {push: a\njobs: []", "the '{' of line 1 is not closed"),
            ("jobs:\n  a:\n    x: 1\n   b: 1", "begin in the same column"),
        ],
    )
    def test_a_message_says_what_was_meant(self, text: str, hint: str) -> None:
        assert hint in _first_error(text).message

    def test_a_cycle_is_named(self) -> None:
        text = "jobs: {a: {runs-on: x, needs: b}, b: {runs-on: x, needs: a}}"
        assert "a → b → a" in _first_error(text).message

    def test_the_path_leads_to_the_key(self) -> None:
        assert _first_error(step("run: x\ntimeout-minutes: 0")).path == (
            "jobs.a.steps[0].timeout-minutes"
        )


def _first_error(text: str) -> Diagnostic:
    return load(text).errors[0]


def test_runs_tell_of_their_end_only() -> None:
    text = (
        "on:\n  workflow_run:\n    workflows: Build\n    types: [requested, completed]\n"
        "steps:\n  - run: echo\n"
    )
    [found] = [each for each in load(text).diagnostics if each.severity == "notice"]
    assert (found.code, found.position.line, found.position.column) == ("no_effect", 4, 13)


def test_the_page_of_actions_shows_them_all() -> None:
    # Made by: python -m app.engine.document.action_pages > docs/actions.md
    page = Path(__file__).parents[3] / "docs" / "actions.md"
    assert page.read_text() == as_markdown()


CONDITIONS_OF_TEXT = {
    "before": step("run: x\nif: ▶${{ false }} && true"),
    "after": step("run: x\nif: ▶'! ${{ true }}'"),
    "two": step("run: x\nif: ▶${{ true }} || ${{ false }}"),
    "of a job": job("if: ▶${{ github.ref }} == 'a'"),
}


@pytest.mark.parametrize("text", CONDITIONS_OF_TEXT.values(), ids=CONDITIONS_OF_TEXT.keys())
def test_text_around_the_expression_of_a_condition_is_a_warning(text: str) -> None:
    source, place = marked(text)
    assert found(source, "warning") == [("condition_is_text", place)]


def test_a_property_that_has_no_value_here_is_a_notice() -> None:
    source, place = marked(step("run: echo ${{ ▶github.actor_id }} ${{ github.actor }}"))
    assert found(source, "notice") == [("no_effect", place)]
