"""The JSON Schema says what the loader says, as far as one key can tell."""

import json

import jsonschema_rs
import pytest

from app.engine.document import json_schema, load
from app.engine.document.compose import compose
from app.engine.document.nodes import plain

VALIDATOR = jsonschema_rs.Draft202012Validator(json_schema())


def accepts(text: str) -> bool:
    return VALIDATOR.is_valid(plain(compose(text).root))


def test_the_schema_is_a_schema() -> None:
    jsonschema_rs.meta.validate(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize(
    "text",
    [
        "steps: [{run: a}, {uses: checkout, with: {ref: b}, if: always()}]",
        "on: push\njobs: {a: {runs-on: x, steps: [{run: a, timeout-minutes: '${{ vars.T }}'}]}}",
        "on: [push, create]\npriority: low\njobs: {a: {runs-on: [b, c]}}",
        "on: {create: , issues: {types: opened}, schedule: [{cron: 0 0 * * *}]}\nsteps: [{run: x}]",
        "jobs: {a: {runs-on: x, retry: {max-attempts: 2, on: worker_lost}}}",
        "on: {workflow_dispatch: {inputs: {a: , b: {type: number}}}}\nsteps: [{run: x}]",
        "jobs: {a: {uses: ./.github/workflows/b.yml, secrets: inherit}}",
        "jobs: {a: {runs-on: x, strategy: {matrix: {a: [1], include: '${{ fromJSON(vars.A) }}'}}}}",
        "jobs: {a: {runs-on: x, container: {image: a}, env: '${{ fromJSON(vars.A) }}'}}",
    ],
)
def test_what_loads_is_accepted(text: str) -> None:
    assert load(text).definition is not None
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "on: push",
        "job: {}\njobs: {a: {runs-on: x}}",
        "jobs: {}",
        "jobs: {1a: {runs-on: x}}",
        "jobs: {a: {steps: [{run: x}]}}",
        "jobs: {a: {runs-on: x, timeout-minutes: 0}}",
        "jobs: {a: {runs-on: x, step: []}}",
        "steps: [{name: x}]",
        "steps: [{run: x, with: {}}]",
        "steps: [{run: x, env: A=1}]",
        "steps: [{run: x, shell: perl}]",
        "on: pusch\nsteps: [{run: x}]",
        "on: {push: {branch: a}}\nsteps: [{run: x}]",
        "on: {push: {branches: a, branches-ignore: b}}\nsteps: [{run: x}]",
        "on: {issue_comment: {types: opened}}\nsteps: [{run: x}]",
        "on: {workflow_dispatch: {inputs: {a: {type: choice}}}}\nsteps: [{run: x}]",
        "on: {workflow_dispatch: {inputs: {a: {type: number, default: a}}}}\nsteps: [{run: x}]",
        "permissions: {pages: run}\nsteps: [{run: x}]",
    ],
)
def test_what_one_key_shows_to_be_wrong_is_refused_by_both(text: str) -> None:
    assert load(text).definition is None
    assert not accepts(text)


def test_every_key_has_a_description() -> None:
    pending: list[object] = [json_schema()]
    while pending:
        schema = pending.pop()
        if isinstance(schema, dict):
            for name, described in schema.get("properties", {}).items():
                if schema.get("additionalProperties") is False:
                    assert described.get("description"), name
            pending.extend(schema.values())
        elif isinstance(schema, list):
            pending.extend(schema)
