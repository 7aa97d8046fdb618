"""One row per rule of YAML, the top level and `on`: a file, the code, and the place (▶)."""

import pytest

from app.engine.document import load
from tests.engine.document.marking import found, job, marked, on, step

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
ROWS = {
    f"{table}: {name}": row
    for table, rows in {"yaml": YAML, "top": TOP, "events": EVENTS}.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize(("code", "text"), ROWS.values(), ids=ROWS.keys())
def test_a_file_is_refused_at_the_place_that_is_wrong(code: str, text: str) -> None:
    source, place = marked(text)
    assert (code, place) in found(source)
    assert load(source).definition is None
