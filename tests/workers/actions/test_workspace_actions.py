"""Composite and JavaScript actions that lie in the workspace."""

import shutil
from pathlib import Path

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, MemoryStore

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


class Actions:
    """A working directory with actions; jobs take it with `checkout`."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder

    def add(self, name: str, text: str, **files: str) -> None:
        (self.folder / name).mkdir(parents=True)
        (self.folder / name / "action.yml").write_text(text)
        for file, content in files.items():
            (self.folder / name / file.replace("_", ".")).write_text(content)

    async def run(self, steps: str) -> JobStatus:
        self.bench.store = MemoryStore()
        text = f"on: push\nsteps:\n  - uses: checkout\n{steps}"
        return (await self.bench.run(text, workdir=self.folder)).status


@pytest.fixture
def actions(bench: Bench, tmp_path: Path) -> Actions:
    return Actions(bench, tmp_path)


GREET = """
name: greet
inputs:
  who: {default: "${{ github.event_name }}"}
  how: {required: true}
outputs:
  text: {value: "${{ steps.say.outputs.text }}"}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      env: {OWN: "own-${{ inputs.how }}"}
      run: |
        echo "${{ inputs.how }} ${{ inputs.who }} $OUTER $OWN"
        echo "text=${{ inputs.how }}" >> "$GITHUB_OUTPUT"
        echo "FROM_ACTION=yes" >> "$GITHUB_ENV"
        test -f "$GITHUB_ACTION_PATH/action.yml"
        test -f "${{ github.action_path }}/action.yml"
    - shell: sh
      if: inputs.how == 'bye'
      run: echo only for bye
"""


async def test_inputs_outputs_env_and_conditions(actions: Actions) -> None:
    actions.add("greet", GREET)
    status = await actions.run("""
  - id: one
    uses: ./greet
    with: {how: hello}
    env: {OUTER: outer}
  - run: echo "${{ steps.one.outputs.text }} $FROM_ACTION [$OWN$OUTER] ${{ steps.say.outcome }}"
  - uses: ./greet
    with: {how: bye, WHO: all, unknown: 1}
""")
    store = actions.bench.store
    assert status is JobStatus.SUCCESS
    assert store.text(1) == "hello push outer own-hello\n"
    assert store.text(2) == "hello yes [] \n"
    assert "bye all  own-bye\nonly for bye\n" in store.text(3)
    assert "Unexpected input 'unknown'" in store.text(3)


async def test_a_failing_step_ends_the_action_but_for_always(actions: Actions) -> None:
    actions.add(
        "fails",
        """
runs:
  using: composite
  steps:
    - {shell: bash, run: exit 3, continue-on-error: true, id: soft}
    - {shell: bash, run: 'echo "${{ steps.soft.outcome }} ${{ steps.soft.conclusion }}"'}
    - {shell: bash, run: exit 4}
    - {shell: bash, run: echo never}
    - {shell: bash, run: echo cleanup, if: always()}
""",
    )
    status = await actions.run("  - uses: ./fails\n  - run: echo never\n")
    assert status is JobStatus.FAILURE
    assert actions.bench.store.text(1) == "failure success\ncleanup\n"
    assert actions.bench.store.step(1).exit_code == 4


async def test_actions_nest_ten_levels_and_no_more(actions: Actions) -> None:
    for level in range(1, 12):
        inner = f"- {{uses: ./a{level + 1}}}" if level < 11 else "- {shell: sh, run: echo bottom}"
        actions.add(f"a{level}", f"runs:\n  using: composite\n  steps:\n    {inner}\n")
    assert await actions.run("  - uses: ./a2\n") is JobStatus.SUCCESS
    assert actions.bench.store.text(1) == "bottom\n"
    assert await actions.run("  - uses: ./a1\n") is JobStatus.FAILURE
    assert "nested more than 10 levels" in (actions.bench.store.step(1).reason or "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("runs: {using: docker, image: x}", "runs.using is 'docker'"),
        ("runs: {using: composite, steps: [{run: x}]}", "line 1: 'shell' is required"),
        ("runs: {using: composite, steps: [{shell: x}]}", "needs either 'run' or 'uses'"),
        ("runs: {using: composite, steps: [{run: x, shell: sh, wat: 1}]}", "no key 'wat'"),
        ("runs: {using: node20}", "runs.main is missing"),
        ("runs: [", "line"),
        ("inputs: []\nruns: {using: composite}", "inputs must be a map"),
    ],
)
async def test_an_action_that_cannot_be_used_says_where(
    actions: Actions, text: str, why: str
) -> None:
    actions.add("wrong", text)
    assert await actions.run("  - uses: ./wrong\n") is JobStatus.FAILURE
    reason = actions.bench.store.step(1).reason or ""
    assert why in reason
    assert "./wrong/action.yml" in reason


async def test_a_missing_action_says_so(actions: Actions) -> None:
    assert await actions.run("  - uses: ./nowhere\n") is JobStatus.FAILURE
    assert "There is no action.yml in './nowhere'" in (actions.bench.store.step(1).reason or "")


@needs_node
async def test_javascript_runs_before_main_and_after_the_job(actions: Actions) -> None:
    actions.add(
        "script",
        """
inputs: {some name: {default: d}}
outputs: {out: {description: set by main}}
runs: {using: node20, pre: pre.js, main: main.js, post: post.js, post-if: failure()}
""",
        pre_js="console.log('pre')",
        main_js="""
const fs = require('fs');
console.log('main', process.env.INPUT_SOME_NAME, process.env['INPUT_SOME NAME'] || '-');
fs.appendFileSync(process.env.GITHUB_STATE, 'kept=state\\n');
fs.appendFileSync(process.env.GITHUB_OUTPUT, 'out=value\\n');
""",
        post_js="console.log('post', process.env.STATE_kept)",
    )
    status = await actions.run("""
  - id: js
    uses: ./script
    with: {some name: given}
  - run: echo "${{ steps.js.outputs.out }}"; exit 1
""")
    store = actions.bench.store
    assert status is JobStatus.FAILURE
    assert store.text(1) == "pre\nmain given -\n"
    assert store.text(2) == "value\n"
    assert store.text(3) == "post state\n"
    assert store.step(3).name == "Post ./script"
