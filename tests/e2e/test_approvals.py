"""A deployment waits for a second person, on both modes."""

import json
import os
import secrets
import subprocess
from typing import Any

import httpx
import pytest

from tests.e2e.system import ANSFLOW, System
from tests.fixtures.answers import body
from tests.fixtures.factories import Factory
from tests.polling import until_true

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

DEPLOY = """
on: workflow_dispatch
jobs:
  build: {runs-on: ubuntu-latest, steps: [{run: echo build}]}
  deploy:
    needs: build
    runs-on: ubuntu-latest
    environment: %s
    steps: [{run: echo deployed}]
"""


def run_cli(system: System, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of the client as a person with this token."""
    variables = {"PATH": os.environ["PATH"], "ANSFLOW_URL": system.url, "ANSFLOW_TOKEN": token}
    return subprocess.run(  # noqa: S603  our own command
        [ANSFLOW, "approvals", *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def second_person(system: System) -> tuple[str, str]:
    """Name and token of another owner of the project."""
    name = f"bob{secrets.token_hex(4)}"
    database = system.open_database()
    make = Factory(database)
    user = await make.user(name)
    token = await make.token(user)
    await database.close()
    async with system.client() as client:
        path = f"/projects/{system.project_id}/members/{name}"
        body(await client.put(path, json={"role": "owner"}))
    return name, token


async def protected(system: System, **rules: Any) -> str:
    """The name of a new environment."""
    name = f"prod-{secrets.token_hex(4)}"
    async with system.client() as client:
        path = f"/projects/{system.project_id}/environments"
        body(await client.post(path, json={"name": name, **rules}), 201)
    return name


async def deploy_of(system: System, execution_id: str) -> dict[str, Any]:
    """The job that deploys."""
    jobs = (await system.detail(execution_id))["jobs"]
    return next(job for job in jobs if job["key"] == "deploy")


async def waiting(system: System, environment: str) -> str:
    """An execution whose deployment has asked for approval; its id."""
    execution_id = await system.trigger(await system.pipeline(DEPLOY % environment))

    async def asks() -> bool:
        async with system.client() as client:
            return bool(body(await client.get(f"/executions/{execution_id}/approvals")))

    await until_true(asks, within_s=60)
    return execution_id


async def test_a_second_person_approves_and_it_deploys(system: System) -> None:
    name, token = await second_person(system)
    environment = await protected(system, required_approvals=1, prevent_self_approval=True)
    execution_id = await waiting(system, environment)
    job = await deploy_of(system, execution_id)
    assert (job["status"], job["worker_id"], job["started_at"]) == ("waiting", None, None)
    assert "0 of 1 given" in job["why"]
    async with system.client() as client:
        (asked,) = body(await client.get(f"/executions/{execution_id}/approvals"))
        refused = await client.post(f"/approvals/{asked['id']}/vote", json={"decision": "approve"})
        assert refused.json()["code"] == "self_approval"
        queue = body(await client.get("/queue", params={"project_id": str(system.project_id)}))
        entry = next(one for one in queue["items"] if one["job_id"] == job["id"])
        assert entry["approval"]["id"] == asked["id"]
    listed = run_cli(system, token, "list", "--json")
    assert [one["id"] for one in json.loads(listed.stdout)] == [asked["id"]], listed.stderr
    approved = run_cli(system, token, "approve", asked["id"], "--comment", "checked")
    assert approved.stdout.startswith("approved: "), approved.stderr
    detail = await system.ended(execution_id)
    assert detail["status"] == "success"
    job = await deploy_of(system, execution_id)
    assert "deployed\n" in await system.log(job["steps"][0]["id"])
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{system.url}/api/v1", headers=headers) as second:
        (asked,) = body(await second.get(f"/executions/{execution_id}/approvals"))
    assert [(vote["name"], vote["comment"]) for vote in asked["votes"]] == [(name, "checked")]


async def test_a_rejection_ends_it_and_says_who_and_why(system: System) -> None:
    name, token = await second_person(system)
    execution_id = await waiting(system, await protected(system, required_approvals=1))
    table = run_cli(system, token).stdout
    assert table.startswith("ID ")
    (asked_id,) = [line.split()[0] for line in table.splitlines()[1:]]
    assert run_cli(system, token, "reject", asked_id, "--comment", "not today").returncode == 0
    detail = await system.ended(execution_id)
    assert detail["status"] == "failure"
    job = await deploy_of(system, execution_id)
    assert job["status"] == "failure"
    assert job["reason"].startswith(f"{name} rejected its deployment")
    assert job["reason"].endswith(": not today")
    again = run_cli(system, token, "approve", asked_id)
    assert again.returncode == 1
    assert "[approval_closed]" in again.stderr


async def test_approvals_survive_who_asks_wrongly(system: System) -> None:
    _, token = await second_person(system)
    nonsense = run_cli(system, token, "approve", "nonsense")
    assert nonsense.returncode == 1
    assert "is no id of an approval" in nonsense.stderr
    missing = run_cli(system, token, "reject")
    assert "which approval?" in missing.stderr
    assert "takes no id" in run_cli(system, token, "list", "x").stderr
