"""A push to a repository, from its webhook to the log of the execution, on both modes."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from tests.e2e.conftest import MODES, start_distributed, start_embedded
from tests.e2e.system import System
from tests.e2e.test_approvals import run_cli
from tests.fixtures.answers import body
from tests.fixtures.databases import created
from tests.polling import until_true
from tests.triggers.forge import FakeForge, forge_running
from tests.triggers.repositories import GitRepository, deliver, pull_request, push

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

ALLOWED = {"ANSFLOW_SECURITY__ALLOW_PRIVATE_ADDRESSES": "true"}
WORKFLOW = """on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "$GITHUB_ACTOR pushed $(cat greeting.txt) to $GITHUB_REF_NAME"
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=MODES)
async def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A running AnsFlow that may clone from this host."""
    folder = tmp_path_factory.mktemp(f"repositories-{request.param}")
    if request.param == "embedded":
        started = await start_embedded(folder, **ALLOWED)
        yield started
        await asyncio.to_thread(started.stop)
    else:
        server: URL = request.getfixturevalue("mysql_server")
        with created(server) as url:
            started = await start_distributed(folder, url, **ALLOWED)
            yield started
            await asyncio.to_thread(started.stop)


@pytest.fixture
def git(tmp_path: Path) -> GitRepository:
    """A repository that the accounts of jobs may read."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
        if folder.name.startswith("pytest-of-"):
            break
    return GitRepository(tmp_path / "demo")


async def executions(system: System) -> list[Any]:
    """The executions of the project, newest first."""
    async with system.client() as client:
        path = f"/executions?project_id={system.project_id}"
        found: list[Any] = body(await client.get(path))["items"]
        return found


async def add_repository(
    system: System, git: GitRepository, forge: FakeForge, *, name: str
) -> dict[str, Any]:
    """A repository with a credential for its forge; the answer with the secret."""
    project = f"/projects/{system.project_id}"
    async with system.client() as client:
        token = {"name": name, "content": {"kind": "token", "token": "t0ken"}}
        credential = body(await client.post(f"{project}/credentials", json=token), 201)
        fields = {
            "name": name,
            "forge": "github",
            "clone_url": git.url,
            "api_url": forge.url,
            "credential_id": credential["id"],
        }
        made: dict[str, Any] = body(await client.post(f"{project}/repositories", json=fields), 201)
        return made


async def test_a_push_is_built_and_the_forge_hears_of_it(
    system: System, git: GitRepository
) -> None:
    sha = git.commit({".ansflow/build.yml": WORKFLOW, "greeting.txt": "hello"})
    with forge_running() as forge:
        repository = await add_repository(system, git, forge, name=sha[:8])
        before = {each["id"] for each in await executions(system)}
        async with httpx.AsyncClient(timeout=30) as caller:
            first = body(await deliver(caller, repository, push(sha), delivery_id=sha), 202)
            again = body(await deliver(caller, repository, push(sha), delivery_id=sha), 202)
            assert first["delivery_id"] == again["delivery_id"]

        deadline = time.monotonic() + 60
        while not (new := [e for e in await executions(system) if e["id"] not in before]):
            assert time.monotonic() < deadline, system.output()
            await asyncio.sleep(0.1)
        (execution,) = new
        detail = await system.ended(execution["id"], within_s=90)
        (job,) = detail["jobs"]
        log = await system.log(job["steps"][-1]["id"])
        assert (detail["status"], detail["sha"]) == ("success", sha), f"{detail}\n{log}"
        assert "ada pushed hello to main\n" in log

        def told() -> list[Any]:
            return [call for call in forge.calls if call.path.endswith(f"/statuses/{sha}")]

        while not told() or told()[-1].json["state"] != "success":
            assert time.monotonic() < deadline + 60, forge.calls
            await asyncio.sleep(0.1)
        hooks = [call for call in forge.calls if call.path.endswith("/hooks")]
        assert [call.json["config"]["url"] for call in hooks] == [
            f"{system.url}/api/v1/hooks/{repository['id']}"
        ]


async def test_a_pull_request_from_a_fork_waits_until_a_member_approves_it(
    system: System, git: GitRepository
) -> None:
    steps = "[{run: echo theirs}]"
    text = f"on: pull_request\njobs: {{build: {{runs-on: ubuntu-latest, steps: {steps}}}}}\n"
    base = git.commit({".ansflow/build.yml": text})
    head = git.commit({"greeting.txt": "theirs"})
    with forge_running() as forge:
        repository = await add_repository(system, git, forge, name=head[:8])
        payload = pull_request(head, base, head_repository="mallory/demo")

        def states() -> list[str]:
            calls = [call for call in forge.calls if call.path.endswith(f"/statuses/{head}")]
            return [call.json["state"] for call in calls]

        async with httpx.AsyncClient(timeout=30) as caller:
            body(await deliver(caller, repository, payload, event="pull_request"), 202)
        approval: dict[str, Any] = {}

        async def asks() -> bool:
            async with system.client() as client:
                found = body(await client.get("/approvals"))["items"]
            approval.update(next((one for one in found if one["sha"] == head), {}))
            return bool(approval) and states() == ["pending"]

        await until_true(asks, within_s=60)
        detail = await system.detail(approval["execution_id"])
        assert (detail["status"], detail["jobs"][0]["status"]) == ("waiting", "blocked")
        listed = run_cli(system, system.token).stdout
        assert f"run {head[:12]} from a fork" in listed
        approved = run_cli(system, system.token, "approve", approval["id"])
        assert approved.stdout.startswith("approved: "), approved.stderr
        ended = await system.ended(approval["execution_id"], within_s=90)
        assert (ended["status"], ended["trusted"]) == ("success", False), ended

        async def is_told() -> bool:
            return states()[-1] == "success"

        await until_true(is_told, within_s=60)
