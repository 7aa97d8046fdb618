"""Variables, environment files, shells, outputs."""

import json

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, steps
from workers.runner.command_files import CommandFileIsInvalid, parse_pairs

HEAD = "on: push\njobs:\n  job:\n    runs-on: host\n    steps:\n"


async def test_env_of_step_beats_job_beats_workflow(bench: Bench) -> None:
    await bench.run("""
on: push
env: {A: workflow, B: workflow, C: workflow}
jobs:
  job:
    runs-on: host
    env: {B: job, C: "${{ github.event_name }}-job"}
    steps:
      - run: echo "$A $B $C"; echo "B=file" >> "$GITHUB_ENV"
        env: {C: "step${{ 1 }}"}
      - run: echo "$A $B $C ${{ env.B }}"
""")
    assert bench.store.text(0) == "workflow job step1\n"
    assert bench.store.text(1) == "workflow file push-job file\n"


async def test_environment_files_reach_later_steps_and_the_job(bench: Bench) -> None:
    result = await bench.run("""
on: push
jobs:
  job:
    runs-on: host
    outputs:
      whole: ${{ steps.make.outputs.version }}/${{ steps.make.outputs.text }}
    environment: {name: prod, url: "https://example/${{ steps.make.outputs.version }}"}
    steps:
      - id: make
        run: |
          echo "version=1.2" >> "$GITHUB_OUTPUT"
          { echo 'text<<EOF'; echo one; echo two; echo EOF; } >> "$GITHUB_OUTPUT"
          mkdir bin; printf '#!/bin/sh\\necho tool\\n' > bin/tool; chmod +x bin/tool
          echo "$PWD/bin" >> "$GITHUB_PATH"
          echo "# Title" >> "$GITHUB_STEP_SUMMARY"
      - run: tool
""")
    assert result.status is JobStatus.SUCCESS
    assert result.outputs == {"whole": "1.2/one\ntwo"}
    assert result.environment_url == "https://example/1.2"
    assert bench.store.step(0).summary == "# Title\n"
    assert bench.store.step(0).outputs == {"version": "1.2", "text": "one\ntwo"}
    assert bench.store.text(1) == "tool\n"


async def test_a_wrong_environment_file_fails_the_step(bench: Bench) -> None:
    result = await bench.run(steps("printf 'a=1\\nnonsense\\nb=2\\n' >> $GITHUB_OUTPUT"))
    assert result.status is JobStatus.FAILURE
    assert bench.store.step(0).outputs == {"a": "1"}
    assert "Unable to process file command 'GITHUB_OUTPUT': Invalid format" in bench.store.text(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=x=y\n", {"A": "1", "B": "x=y"}),
        ("A<<END\n\nEND=\nEND\nB=2", {"A": "\nEND=", "B": "2"}),
        ("A<<END\nEND\n", {"A": ""}),
        ("A=<<x\r\n", {"A": "<<x"}),
        ("\n\n", {}),
    ],
)
def test_pairs(text: str, expected: dict[str, str]) -> None:
    assert dict(parse_pairs(text)) == expected


@pytest.mark.parametrize("text", ["A", "=x", "A<<END\nno end\n", "A<<\n", "<<E\nE\n"])
def test_wrong_pairs(text: str) -> None:
    with pytest.raises(CommandFileIsInvalid):
        list(parse_pairs(text))


async def test_standard_variables_and_the_event(bench: Bench) -> None:
    await bench.run(
        steps(
            'echo "$CI $GITHUB_EVENT_NAME $ANSFLOW_EVENT_NAME $GITHUB_JOB $RUNNER_OS"',
            'cat "$GITHUB_EVENT_PATH"',
            '[ "$GITHUB_WORKSPACE" = "$PWD" ] && [ "${{ github.workspace }}" = "$PWD" ]',
            'touch "$RUNNER_TEMP/a" "$HOME/b" "$RUNNER_TOOL_CACHE/c"',
        )
    )
    assert bench.store.text(0) == "true push push job Linux\n"
    assert json.loads(bench.store.text(1)) == {"ref": "refs/heads/main"}
    assert bench.store.statuses() == ["success"] * 4


async def test_a_job_cannot_pretend_to_be_another(bench: Bench) -> None:
    await bench.run(
        HEAD
        + """
      - run: echo "GITHUB_JOB=fake" >> "$GITHUB_ENV"; echo "NODE_OPTIONS=-x" >> "$GITHUB_ENV"
        continue-on-error: true
      - run: echo "$GITHUB_JOB [$NODE_OPTIONS]"
        env: {GITHUB_JOB: fake}
"""
    )
    assert bench.store.text(1) == "job []\n"


@pytest.mark.parametrize(
    ("shell", "script", "expected"),
    [
        ("bash", "false | true; echo no", ""),
        ("sh", 'echo "${BASH_VERSION:-none}" | grep -q . ; false; echo no', ""),
        ("python", "import sys; print(sys.argv[0].endswith('.py'))", "True\n"),
        ("bash -c 'cat $0; exit 0' {0}", "not a command", "not a command\n"),
    ],
)
async def test_shells(bench: Bench, shell: str, script: str, expected: str) -> None:
    await bench.run(f"{HEAD}      - shell: {shell}\n        run: |\n          {script}\n")
    assert bench.store.text(0) == expected


async def test_without_a_shell_pipes_may_fail_but_commands_may_not(bench: Bench) -> None:
    await bench.run(steps("false | true\necho yes\nfalse\necho no"))
    assert bench.store.text(0) == "yes\n"


async def test_defaults_name_shell_and_folder(bench: Bench) -> None:
    await bench.run("""
on: push
defaults: {run: {shell: python, working-directory: sub}}
jobs:
  job:
    runs-on: host
    defaults: {run: {shell: sh}}
    steps:
      - {run: mkdir sub, working-directory: .}
      - run: basename "$PWD"
      - {run: "import os; print(os.path.basename(os.getcwd()))", shell: python}
""")
    assert bench.store.text(1) == "sub\n"
    assert bench.store.text(2) == "sub\n"


async def test_hash_files_sees_the_workspace(bench: Bench) -> None:
    await bench.run(
        steps(
            "mkdir -p a/b; echo 1 > a/b/x.lock; echo 2 > a/y.lock; ln -s /etc/shadow z.lock",
            "echo ${{ hashFiles('**/*.lock') }}",
            "echo ${{ hashFiles('a/**/*.lock', '!**/z.*') }}",
            "echo [${{ hashFiles('nothing*', 'z.lock') }}]",
            "echo 3 > a/y.lock",
            "echo ${{ hashFiles('**/*.lock') }}",
        )
    )
    assert len(bench.store.text(1).strip()) == 64
    assert bench.store.text(1) == bench.store.text(2)
    assert bench.store.text(3) == "[]\n"
    assert bench.store.text(5) != bench.store.text(1)


async def test_expressions_are_not_yaml_again(bench: Bench) -> None:
    contexts = {"github": {"event": {"title": 'a: [b"\n- c'}}}
    await bench.run(steps("cat <<'EOF'\n${{ github.event.title }}\nEOF"), contexts=contexts)
    assert bench.store.text(0) == 'a: [b"\n- c\n'


async def test_a_step_knows_its_name(bench: Bench) -> None:
    await bench.run(
        HEAD
        + """
      - {id: mine, run: 'echo "$GITHUB_ACTION ${{ github.action }}"'}
      - run: echo "$GITHUB_ACTION $ANSFLOW_ACTION"
"""
    )
    assert bench.store.text(0) + bench.store.text(1) == "mine mine\n__run __run\n"
