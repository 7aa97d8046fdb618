"""`ansible-playbook` with a stand-in for the command, and with the real one where there is one."""

import json
import shutil
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.ansible.models import FileFormat, FileKind
from app.core.db import Database
from app.engine.states import JobStatus
from tests.ansible.rows import add_inventory
from tests.fixtures.factories import Factory
from tests.workers.runner.memory import Bench
from workers.actions.ansible_results import read_results
from workers.runner.storage import JobStorage

STAND_IN = '''#!/usr/bin/env python3
"""Says what it was given, loads the callback plugin as Ansible does, and plays some results."""
import importlib.util, os, stat, sys, types
class CallbackBase: pass
for name in ("ansible", "ansible.plugins", "ansible.plugins.callback"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["ansible.plugins.callback"].CallbackBase = CallbackBase
name = os.environ["ANSIBLE_CALLBACKS_ENABLED"]
path = os.path.join(os.environ["ANSIBLE_CALLBACK_PLUGINS"], name + ".py")
spec = importlib.util.spec_from_file_location(name, path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
callback = module.CallbackModule()
for argument in sys.argv[1:]:
    print("argument", argument)
    file = argument.partition("=")[2].lstrip("@")
    if os.path.isfile(file):
        print("file", stat.S_IMODE(os.stat(file).st_mode) & 0o077, open(file).read())
text = open(sys.argv[-1]).read()
def result(host, task, **fields):
    named = lambda value: types.SimpleNamespace(get_name=lambda: value)
    return types.SimpleNamespace(_host=named(host), _task=named(task), _result=fields)
callback.v2_runner_on_ok(result("web1", "install", changed=True))
callback.v2_runner_on_ok(result("web1", "check"))
class Stats:
    processed = {"web1": 1}
    def summarize(self, host):
        good = {"ok": 2, "changed": 1, "unreachable": 0, "failures": 0, "skipped": 0}
        return good if host == "web1" else good | {"failures": 1}
if "FAILS" in text:
    callback.v2_runner_on_failed(result("web2", "install"))
    callback.v2_runner_on_failed(result("web2", "try"), ignore_errors=True)
    callback.v2_runner_on_unreachable(result("web3", "install"))
    Stats.processed["web2"] = 1
callback.v2_playbook_on_stats(Stats())
sys.exit(2 if "FAILS" in text else 0)
'''
PLAYBOOK = "- hosts: all\n  tasks: []\n"


def pipeline(inputs: str, playbook: str = PLAYBOOK, *, path: str) -> str:
    """A file that puts the stand-in on the PATH, writes a playbook and runs it."""
    indented = "".join(f"      {line}\n" for line in playbook.splitlines())
    return (
        f"on: push\nsteps:\n  - run: |\n      echo '{path}' >> \"$GITHUB_PATH\"\n"
        f"      cat > play.yml <<'END'\n{indented}      END\n"
        f"  - uses: ansible-playbook\n    id: it\n    with: {{{inputs}}}\n"
        "  - if: always()\n    run: find . .. -name 'ansible_*' -type f | sort\n"
    )


@pytest.fixture
def stand_in(work_root: Path) -> str:
    """The folder of the stand-in, where every account may run it."""
    folder = work_root / "bin"
    folder.mkdir(mode=0o755)
    program = folder / "ansible-playbook"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return str(folder)


class TestCommand:
    async def test_inputs_become_options_and_secrets_files_that_are_gone_afterwards(
        self, bench: Bench, stand_in: str
    ) -> None:
        inputs = (
            "playbook: play.yml, inventory: 'web1,web2', limit: web, tags: 'a,b', check: true, "
            "diff: true, become: true, user: deploy, verbosity: 2, extra-vars: '{\"n\": 1}', "
            "ssh-key: KEY-CONTENT, vault-password: VAULT-CONTENT, ssh-known-hosts: KNOWN"
        )
        result = await bench.run(pipeline(inputs, path=stand_in))
        log = bench.store.text(1)
        assert result.status is JobStatus.SUCCESS, log
        arguments = [line.split(" ", 1)[1] for line in log.splitlines() if "argument " in line]
        for option in (
            "--inventory=web1,web2",
            "--limit=web",
            "--tags=a,b",
            "--check",
            "--diff",
            "--become",
            "--user=deploy",
            "-vv",
        ):
            assert option in arguments
        assert "file 0 KEY-CONTENT" in log
        assert "file 0 VAULT-CONTENT" in log
        assert 'file 0 {"n": 1}' in log
        left = bench.store.text(2)
        for name in ("key", "vault", "vars"):
            assert f"_{name}" not in left

    async def test_results_of_hosts_are_outputs_and_a_summary(
        self, bench: Bench, stand_in: str
    ) -> None:
        await bench.run(pipeline("playbook: play.yml", path=stand_in))
        step = bench.store.step(1)
        assert step.outputs is not None
        assert (step.outputs["ok"], step.outputs["changed"]) == ("2", "1")
        assert json.loads(step.outputs["hosts"])["web1"]["changed"] == 1
        results = json.loads(step.outputs["results"])
        assert results[0] == {"host": "web1", "task": "install", "result": "changed"}
        assert "| web1 | 2 | 1 |" in (step.summary or "")

    async def test_a_failure_says_where(self, bench: Bench, stand_in: str) -> None:
        text = pipeline("playbook: play.yml", PLAYBOOK + "# FAILS\n", path=stand_in)
        result = await bench.run(text)
        assert result.status is JobStatus.FAILURE
        step = bench.store.step(1)
        assert "exit code 2: web2: install failed; web3: install unreachable" in (step.reason or "")
        results = json.loads((step.outputs or {})["results"])
        how = {(each["host"], each["task"]): each["result"] for each in results}
        assert how["web2", "try"] == "ignored"
        assert how["web3", "install"] == "unreachable"

    @pytest.mark.parametrize(
        ("inputs", "why"),
        [
            ("playbook: missing.yml", "neither among the playbooks of the project nor in"),
            ("playbook: play.yml, inventory: hosts", "neither among the inventories"),
            ("playbook: play.yml, check: perhaps", "must be true or false"),
            ("playbook: play.yml, verbosity: loud", "must be a number"),
        ],
    )
    async def test_wrong_inputs_say_why(
        self, bench: Bench, stand_in: str, inputs: str, why: str
    ) -> None:
        result = await bench.run(pipeline(inputs, path=stand_in))
        assert result.status is JobStatus.FAILURE
        assert why in (bench.store.step(1).reason or "")

    @pytest.mark.skipif(bool(shutil.which("ansible-playbook")), reason="Ansible is installed")
    async def test_a_worker_without_ansible_says_so(self, bench: Bench) -> None:
        result = await bench.run(pipeline("playbook: play.yml", path="/nowhere"))
        assert result.status is JobStatus.FAILURE
        assert "is not installed on this worker" in (bench.store.step(1).reason or "")


class TestStored:
    async def test_playbook_and_inventory_of_the_project(
        self, bench: Bench, stand_in: str, database: Database, make: Factory
    ) -> None:
        project = await make.project()
        await add_inventory(database, project.id, content="[web]\nSTORED-HOST\n")
        await add_inventory(
            database,
            project.id,
            kind=FileKind.PLAYBOOKS,
            content="- hosts: web\n  name: STORED\n",
            format=FileFormat.YAML,
        )
        text = pipeline("playbook: site, inventory: site", path=stand_in)
        result = await bench.run(text, storage=storage_of(database, project.id))
        log = bench.store.text(1)
        assert result.status is JobStatus.SUCCESS, log
        assert "Using version 1 of site of the project's playbooks" in log
        assert "STORED-HOST" in log
        other = await make.project()
        again = Bench(bench.executor)
        result = await again.run(text, storage=storage_of(database, other.id))
        assert result.status is JobStatus.FAILURE


def storage_of(database: Database, project_id: uuid.UUID) -> JobStorage:
    owner: Any = SimpleNamespace(project_id=project_id)
    return JobStorage(database, cast(Any, None), owner, cast(Any, None))


class TestResults:
    def test_what_the_job_wrote_there_itself_does_no_harm(self) -> None:
        lines = [
            b"\xff\xfe",
            b"[]",
            b'{"host": 1, "task": "x", "result": "ok"}',
            b'{"stats": {"a|b": {"ok": "many", "changed": 2}}}',
            b'{"stats": 1}',
            b"[" * 100_000,
        ]
        results = read_results(b"\n".join(lines))
        assert results.tasks == []
        assert results.stats["a|b"]["ok"] == 0
        assert results.total("changed") == 2
        assert "a\\|b" in results.summary("x|y")


@pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="Ansible is not installed")
async def test_the_real_command(bench: Bench) -> None:
    playbook = "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: hello}\n"
    folder = str(Path(shutil.which("ansible-playbook") or "").parent)
    inputs = "playbook: play.yml, inventory: 'localhost,', extra-vars: 'ansible_connection: local'"
    result = await bench.run(pipeline(inputs, playbook, path=folder))
    assert result.status is JobStatus.SUCCESS, bench.store.text(1)
    outputs = bench.store.step(1).outputs
    assert outputs is not None
    assert json.loads(outputs["hosts"])["localhost"]["ok"] == 1
