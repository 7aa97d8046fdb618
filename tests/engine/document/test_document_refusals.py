"""One row per rule of the dialect: a file, the code of the refusal, and the place (marked ▶)."""

import textwrap

import pytest

from app.engine.definition import Diagnostic
from app.engine.document import UNAVAILABLE, load

MARK = "▶"
MANY = ", ".join("x" * 129)


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


YAML = {
    "tab": ("tab_indentation", "jobs:\n▶\ta: 1"),
    "tab after spaces": ("tab_indentation", "jobs:\n  a:\n  ▶\t- b"),
    "unclosed quote": ("invalid_yaml", "name: 'a▶"),
    "second colon": ("invalid_yaml", "a: b▶: c"),
    "empty": ("empty_file", "▶"),
    "only a comment": ("empty_file", "▶# nothing"),
    "list": ("wrong_type", "▶- a"),
    "text": ("wrong_type", "▶hello"),
    "two documents": ("multiple_documents", "a: 1\n▶---\nb: 2"),
    "duplicate key": ("duplicate_key", job("env: {A: 1}\n▶env: {B: 1}")),
    "duplicate key in another case": ("duplicate_key", job("env: {A: 1, ▶a: 2}")),
    "number as key": ("non_string_key", job("env: {▶1: a}")),
    "null as key": ("non_string_key", job("env: {▶~: a}")),
    "list as key": ("non_string_key", job("? ▶[a]\n: b")),
    "unknown anchor": ("unknown_anchor", "a: ▶*b"),
    "recursive anchor": ("recursive_anchor", "a: &a [▶*a]"),
    "tag": ("unsupported_tag", step("run: x\nif: ▶!cancelled()")),
    "tag of Python": ("unsupported_tag", "a: ▶!!python/object:os.system x"),
    "tag that does not fit": ("unsupported_tag", "a: ▶!!int b"),
    "merge of text": ("invalid_merge", "jobs:\n  a:\n    runs-on: x\n    <<: ▶b"),
    "control character": ("invalid_character", "name: ▶\x00"),
    "lone surrogate": ("invalid_character", "name: ▶\ud800"),
}
TOP = {
    "empty map": ("missing_key", "▶{}"),
    "neither jobs nor steps": ("missing_key", "▶on: push"),
    "both jobs and steps": ("exclusive_keys", "jobs: {a: {runs-on: x}}\n▶steps: [{run: x}]"),
    "unknown key": ("unknown_key", "▶job: {}\njobs: {a: {runs-on: x}}"),
    "no jobs": ("empty_value", "jobs: ▶{}"),
    "no steps": ("empty_value", "steps: ▶[]"),
    "steps as map": ("wrong_type", "steps: ▶{run: x}"),
    "expression in name": ("expression_not_allowed", "name: ▶${{ github.ref }}\nsteps: [{run: x}]"),
    "priority": ("invalid_value", "priority: ▶urgent\nsteps: [{run: x}]"),
    "env as text": ("wrong_type", "env: ▶A=1\nsteps: [{run: x}]"),
    "name of variable": ("invalid_variable", "env: {▶A=B: 1}\nsteps: [{run: x}]"),
    "value of variable": ("wrong_type", "env: {A: ▶[1]}\nsteps: [{run: x}]"),
    "empty defaults": ("empty_value", "defaults: ▶{}\nsteps: [{run: x}]"),
    "empty defaults.run": ("empty_value", "defaults: {run: ▶{}}\nsteps: [{run: x}]"),
    "shell in defaults": ("invalid_shell", "defaults: {run: {shell: ▶bsh}}\nsteps: [{run: x}]"),
    "permissions as number": ("invalid_permission", "permissions: ▶1\nsteps: [{run: x}]"),
    "permissions as text": ("invalid_permission", "permissions: ▶all\nsteps: [{run: x}]"),
    "scope": ("invalid_permission", "permissions: {▶file: read}\nsteps: [{run: x}]"),
    "level": ("invalid_permission", "permissions: {pages: ▶run}\nsteps: [{run: x}]"),
    "read of id-token": ("invalid_permission", "permissions: {id-token: ▶read}\nsteps: [{run: x}]"),
    "write of models": ("invalid_permission", "permissions: {models: ▶write}\nsteps: [{run: x}]"),
    "cache mode": ("invalid_value", "cache-mode: ▶none-of-it\nsteps: [{run: x}]"),
    "concurrency without group": (
        "missing_key",
        "concurrency:\n  ▶cancel-in-progress: true\nsteps: [{run: x}]",
    ),
    "cancel-in-progress as text": (
        "wrong_type",
        "concurrency: {group: a, cancel-in-progress: ▶maybe}\nsteps: [{run: x}]",
    ),
    "empty group": ("empty_value", "concurrency: ▶''\nsteps: [{run: x}]"),
}
EVENTS = {
    "unknown event": ("unknown_event", "on: ▶pusch\nsteps: [{run: x}]"),
    "unknown event in a list": ("unknown_event", "on: [push, ▶pull]\nsteps: [{run: x}]"),
    "unknown event in a map": ("unknown_event", on("▶pull: {}")),
    "no events": ("empty_value", "on: ▶[]\nsteps: [{run: x}]"),
    "empty on": ("empty_value", "on:▶\nsteps: [{run: x}]"),
    "schedule without times": ("missing_key", "on: [▶schedule]\nsteps: [{run: x}]"),
    "unknown filter": ("unknown_key", on("push: {▶branch: a}")),
    "filter of an event without filters": ("unknown_key", on("create: {▶branches: a}")),
    "branches twice": (
        "exclusive_keys",
        on("push: {branches: a, ▶branches-ignore: b}"),
    ),
    "tags twice": ("exclusive_keys", on("push: {tags: a, ▶tags-ignore: b}")),
    "paths twice": ("exclusive_keys", on("push: {paths: a, ▶paths-ignore: b}")),
    "only exclusions": ("invalid_filter", on("push: {branches: [▶'!a', '!b']}")),
    "backward range": ("invalid_filter", on("push: {branches: ▶'[z-a]'}")),
    "unclosed set": ("invalid_filter", on("push: {branches: ▶'[a'}")),
    "quantifier of nothing": ("invalid_filter", on("push: {branches: ▶'+a'}")),
    "empty list of branches": ("empty_value", on("push: {branches: ▶[]}")),
    "type of another event": ("unknown_activity", on("issue_comment: {types: [▶opened]}")),
    "types of push": ("unknown_key", on("push: {▶types: [x]}")),
    "cron of four fields": ("invalid_cron", on("schedule: [{cron: ▶'* * * *'}]")),
    "cron out of range": ("invalid_cron", on("schedule: [{cron: ▶'60 * * * *'}]")),
    "cron with a bad name": ("invalid_cron", on("schedule: [{cron: ▶'0 0 * JAM *'}]")),
    "cron backwards": ("invalid_cron", on("schedule: [{cron: ▶'0 0 * * FRI-MON'}]")),
    "cron nickname": ("invalid_cron", on("schedule: [{cron: ▶'@daily'}]")),
    "cron that never fires": ("invalid_cron", on("schedule: [{cron: ▶'0 0 31 2,4 *'}]")),
    "cron with step 0": ("invalid_cron", on("schedule: [{cron: ▶'*/0 * * * *'}]")),
    "schedule without cron": ("missing_key", on("schedule: [▶{timezone: UTC}]")),
    "schedule as map": ("wrong_type", on("schedule: ▶{cron: '* * * * *'}")),
    "time zone": (
        "invalid_timezone",
        on("schedule: [{cron: '0 0 * * *', timezone: ▶Europa/Berlin}]"),
    ),
    "folder as time zone": (
        "invalid_timezone",
        on("schedule: [{cron: '0 0 * * *', timezone: ▶Europe}]"),
    ),
    "input id": ("invalid_id", on("workflow_dispatch: {inputs: {▶1a: {}}}")),
    "input type": ("invalid_value", on("workflow_dispatch: {inputs: {a: {type: ▶text}}}")),
    "text default of boolean": (
        "wrong_type",
        on("workflow_dispatch: {inputs: {a: {type: boolean, default: ▶'true'}}}"),
    ),
    "boolean default of string": (
        "wrong_type",
        on("workflow_dispatch: {inputs: {a: {type: string, default: ▶true}}}"),
    ),
    "text default of number": (
        "wrong_type",
        on("workflow_dispatch: {inputs: {a: {type: number, default: ▶one}}}"),
    ),
    "choice without options": (
        "missing_key",
        on("workflow_dispatch: {inputs: {a: ▶{type: choice}}}"),
    ),
    "options of a string": (
        "unknown_key",
        on("workflow_dispatch: {inputs: {a: {type: string, ▶options: [b]}}}"),
    ),
    "default that is no option": (
        "invalid_default",
        on("workflow_dispatch: {inputs: {a: {type: choice, options: [b], default: ▶c}}}"),
    ),
    "call input without type": (
        "missing_key",
        on("workflow_call: {inputs: {a: ▶{required: true}}}"),
    ),
    "choice of a call": ("invalid_value", on("workflow_call: {inputs: {a: {type: ▶choice}}}")),
    "call output without value": (
        "missing_key",
        on("workflow_call: {outputs: {a: ▶{description: b}}}"),
    ),
    "steps in a call output": (
        "invalid_expression",
        on("workflow_call: {outputs: {a: {value: '${{ ▶steps.x }}'}}}"),
    ),
}
JOBS = {
    "job id": ("invalid_id", "jobs: {▶1a: {runs-on: x}}"),
    "reserved job id": ("invalid_id", "jobs: {▶__a: {runs-on: x}}"),
    "job without runs-on": ("missing_key", "jobs: {a: ▶{steps: [{run: x}]}}"),
    "empty job": ("empty_value", "jobs:\n  a:▶\n"),
    "empty runs-on": ("empty_value", "jobs:\n  a:\n    runs-on:▶\n    steps: [{run: x}]"),
    "empty labels": ("empty_value", "jobs: {a: {runs-on: ▶[]}}"),
    "unknown need": ("unknown_need", job("needs: [▶b]")),
    "need of itself": ("needs_cycle", job("needs: ▶a")),
    "cycle": (
        "needs_cycle",
        (
            "jobs: {a: {runs-on: x, needs: ▶b}, b: {runs-on: x, needs: [c]}, "
            "c: {runs-on: x, needs: A}}"
        ),
    ),
    "timeout 0": ("invalid_timeout", job("timeout-minutes: ▶0")),
    "negative timeout": ("invalid_timeout", job("timeout-minutes: ▶-1")),
    "timeout nan": ("invalid_timeout", job("timeout-minutes: ▶.nan")),
    "endless timeout": ("invalid_timeout", job("timeout-minutes: ▶1e400")),
    "timeout as text": ("wrong_type", job("timeout-minutes: ▶'5'")),
    "continue-on-error as text": ("wrong_type", job("continue-on-error: ▶'true'")),
    "matrix as list": ("wrong_type", job("strategy: {matrix: ▶[1]}")),
    "empty matrix": ("empty_value", job("strategy: {matrix: ▶{}}")),
    "vector as text": ("wrong_type", job("strategy: {matrix: {a: ▶b}}")),
    "empty vector": ("empty_value", job("strategy: {matrix: {a: ▶[]}}")),
    "include as map": ("wrong_type", job("strategy: {matrix: {include: ▶{a: 1}}}")),
    "include of text": ("wrong_type", job("strategy: {matrix: {include: [▶a]}}")),
    "too many combinations": (
        "invalid_matrix",
        job(f"strategy:\n  matrix:\n    ▶a: [{MANY}]\n    b: [1, 2]"),
    ),
    "too many combinations with an expression": (
        "invalid_matrix",
        job(f"strategy:\n  matrix:\n    ▶a: [{MANY}]\n    b: ['${{{{ github.ref }}}}', 2]"),
    ),
    "max-parallel 0": ("invalid_value", job("strategy: {max-parallel: ▶0}")),
    "half max-parallel": ("invalid_value", job("strategy: {max-parallel: ▶1.5}")),
    "environment without name": ("missing_key", job("environment: ▶{url: x}")),
    "secrets in if": ("invalid_expression", job("if: ▶secrets.A == 'b'")),
    "steps in outputs of another context": (
        "invalid_expression",
        job("name: ${{ ▶steps.x.outputs.y }}"),
    ),
    "hashFiles in a job": ("invalid_expression", job("if: ▶hashFiles('a') == ''")),
    "retry without attempts": ("missing_key", job("retry: ▶{backoff: 2}")),
    "retry causes": ("invalid_value", job("retry: {max-attempts: 2, on: [▶lost]}")),
    "reports": ("unknown_key", job("reports: {▶junt: [a], junit: [b]}")),
    "container command": ("unknown_key", job("container: {image: a, ▶command: b}")),
    "container without image": ("missing_key", job("container: ▶{options: b}")),
    "steps of a calling job": (
        "exclusive_keys",
        "jobs: {a: {uses: ./.github/workflows/b.yml, ▶steps: [{run: x}]}}",
    ),
    "runs-on of a calling job": (
        "exclusive_keys",
        "jobs: {a: {uses: ./.github/workflows/b.yml, ▶runs-on: x}}",
    ),
    "called file of another kind": (
        "invalid_uses",
        "jobs: {a: {uses: ▶./.github/workflows/b.exe}}",
    ),
    "called file in another folder": ("invalid_uses", "jobs: {a: {uses: ▶./b.yml}}"),
    "called file of a repository without ref": (
        "invalid_uses",
        "jobs: {a: {uses: ▶o/r/.github/workflows/b.yml}}",
    ),
    "secrets as text": (
        "invalid_value",
        "jobs: {a: {uses: ./.github/workflows/b.yml, secrets: ▶all}}",
    ),
}
STEPS = {
    "no run, no uses": ("missing_key", step("▶name: x")),
    "run and uses": ("exclusive_keys", step("run: x\n▶uses: checkout")),
    "with of run": ("exclusive_keys", step("run: x\n▶with: {a: b}")),
    "shell of uses": ("exclusive_keys", step("uses: checkout\n▶shell: bash")),
    "unknown key": ("unknown_key", step("run: x\n▶working-dir: y")),
    "step as text": ("wrong_type", job("steps: [▶x]")),
    "run as list": ("wrong_type", step("run: ▶[x]")),
    "step id": ("invalid_id", step("run: x\nid: ▶1a")),
    "duplicate step id": (
        "duplicate_step_id",
        job("steps:\n  - {run: x, id: a}\n  - {run: x, id: ▶A}"),
    ),
    "shell": ("invalid_shell", step("run: x\nshell: ▶perl")),
    "env as text": ("wrong_type", step("run: x\nenv: ▶A=${{ github.ref }}")),
    "with as text": ("wrong_type", step("uses: checkout\nwith: ▶'{}'")),
    "with of a list": ("wrong_type", step("uses: checkout\nwith: {ref: ▶[a]}")),
    "unknown action": ("unknown_action", step("uses: ▶chekout")),
    "action without ref": ("invalid_uses", step("uses: ▶actions/checkout")),
    "action outside": ("invalid_uses", step("uses: ▶./../a")),
    "unknown input": ("unknown_input", step("uses: checkout\nwith: {▶reff: a}")),
    "unknown input of the public name": (
        "unknown_input",
        step("uses: actions/checkout@v4\nwith: {▶reff: a}"),
    ),
    "missing input": ("missing_input", step("uses: ▶http")),
    "expression in uses": ("expression_not_allowed", step("uses: ▶${{ matrix.a }}")),
    "open expression": ("invalid_expression", step("run: echo ▶${{ github.ref }")),
    "empty expression": ("invalid_expression", step("run: echo ${{▶ }}")),
    "expression syntax": ("invalid_expression", step("run: echo ${{ github ▶ref }}")),
    "unknown context": ("invalid_expression", step("run: |\n  a\n  b ${{ ▶foo.bar }}")),
    "unknown context in quotes": ("invalid_expression", step('run: "a ${{ ▶foo.bar }}"')),
    "second expression": (
        "invalid_expression",
        step("run: ${{ github.ref }} ${{ github.sha }} ${{ ▶foo }}"),
    ),
    "unknown function": ("invalid_expression", step("run: x\nif: github.ref == ▶lower('A')")),
    "status function outside if": ("invalid_expression", step("run: ${{ ▶always() }}")),
}
ROWS = {
    f"{table}: {name}": row
    for table, rows in {
        "yaml": YAML,
        "top": TOP,
        "events": EVENTS,
        "jobs": JOBS,
        "steps": STEPS,
    }.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize(("code", "text"), ROWS.values(), ids=ROWS.keys())
def test_a_file_is_refused_at_the_place_that_is_wrong(code: str, text: str) -> None:
    source, place = marked(text)
    assert (code, place) in found(source)
    assert load(source).definition is None


UNAVAILABLE_ROWS = {
    "action": ("remote_action_unavailable", step("uses: ▶actions/setup-node@v4")),
    "action in a folder": ("remote_action_unavailable", step("uses: ▶o/r/a/b@main")),
    "image": ("remote_action_unavailable", step("uses: ▶docker://alpine:3")),
    "workflow": (
        "remote_workflow_unavailable",
        "jobs: {a: {uses: ▶o/r/.github/workflows/b.yml@v1}}",
    ),
    "container": ("unsupported_feature", job("▶container: node")),
    "services": ("unsupported_feature", job("▶services: {db: {image: mysql}}")),
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
            (step("uses: checkout\nwith: {fetch-deph: 0}"), "did you mean 'fetch-depth'"),
            (step("run: x\nshell: bsh"), "did you mean 'bash' or 'sh'"),
            (on("schedule: [{cron: '0 0 * * MOM'}]"), "did you mean 'MON'"),
            (job("if: secrets.A"), "Available here: github, inputs, needs, vars"),
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


class TestLimits:
    def test_more_than_a_mebibyte_is_refused(self) -> None:
        text = "steps: [{run: x}]\n#" + "é" * (512 * 1024)
        assert found(text) == [("file_too_large", (1, 1))]

    def test_a_mebibyte_is_read(self) -> None:
        text = "steps: [{run: x}]\n#"
        assert load(text + "a" * (1024 * 1024 - len(text))).definition is not None

    def test_deep_nesting_is_refused(self) -> None:
        for text in ("[" * 101, "- " * 101 + "a", "{a: " * 200_000, "[" * 1_000_000):
            assert [code for code, _ in found(text)] == ["too_deep"]

    def test_nesting_through_anchors_counts(self) -> None:
        lines = ["a0: &a0 " + "[" * 60 + "x" + "]" * 60, "a1: " + "[" * 50 + "*a0" + "]" * 50]
        assert found("\n".join(lines))[0][0] == "too_deep"

    def test_an_alias_bomb_is_refused(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        for level in range(1, 10):
            aliases = ", ".join([f"*a{level - 1}"] * 10)
            lines.append(f"a{level}: &a{level} [{aliases}]")
        assert found("\n".join(lines))[0][0] == "too_many_nodes"

    def test_checking_stops_after_many_errors(self) -> None:
        text = "jobs:\n" + "".join(f"  {number}a: {{}}\n" for number in range(5000))
        assert len(load(text).errors) == 200

    def test_too_many_inputs_are_refused(self) -> None:
        inputs = ", ".join(f"i{number}: " for number in range(26))
        assert found(on(f"workflow_dispatch: {{inputs: {{{inputs}}}}}"))[0][0] == "too_many_inputs"

    def test_long_text_with_expressions_is_refused(self) -> None:
        text = "steps:\n  - run: a\n  - run: ${{ github.ref }}" + " a" * 11_000
        assert found(text) == [("invalid_expression", (3, 10))]

    def test_long_text_without_expressions_is_read(self) -> None:
        assert found("steps:\n  - run: " + " a" * 11_000) == []

    def test_too_many_expressions_are_refused(self) -> None:
        line = "  - run: ${{ github.ref }}${{ github.sha }}${{ github.job }}\n"
        assert found("steps:\n" + line * 7000) == [("too_many_expressions", (1, 1))]

    def test_an_error_in_an_anchor_is_reported_once(self) -> None:
        text = "jobs:\n  a: &a {runs-on: x, timeout-minutes: 0}\n  b: *a\n  c: *a\n"
        assert len(load(text).errors) == 1
