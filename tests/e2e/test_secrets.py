"""Secrets on their whole way: set over HTTP, used by steps, shown and stored nowhere in clear."""

import hashlib
import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from app.credentials.models import Secret
from app.models import Base
from tests.e2e.system import System

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

SOURCE = """
on: workflow_dispatch
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: {leak: "${{ steps.use.outputs.leak }}", region: "${{ vars.REGION }}"}
    steps:
      - id: use
        env: {TOKEN: "${{ secrets.TOKEN }}", REGION: "${{ vars.region }}"}
        run: |
          echo "token $TOKEN in $REGION"
          printf %s "$TOKEN" | sha256sum
          echo "leak=$TOKEN" >> "$GITHUB_OUTPUT"
          echo "summary $TOKEN" >> "$GITHUB_STEP_SUMMARY"
          echo "::warning::annotation $TOKEN"
  deploy:
    needs: build
    runs-on: ubuntu-latest
    environment: Production
    steps:
      - env: {TOKEN: "${{ secrets.TOKEN }}"}
        run: |
          printf %s "$TOKEN" | sha256sum
          echo "token $TOKEN in ${{ vars.REGION }} ${{ vars.SHARED }}"
          echo "[${{ needs.build.outputs.leak }}]"
"""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def stored(system: System) -> bytes:
    """Everything that the database holds, as it is there."""
    database = system.open_database()
    kept = []
    async with database.engine.connect() as connection:
        for table in Base.metadata.tables.values():
            for row in await connection.execute(select(table)):
                kept += [each if isinstance(each, bytes) else str(each).encode() for each in row]
    await database.close()
    if system.kind == "embedded":
        kept += [path.read_bytes() for path in system.settings.data.folder.glob("ansflow.db*")]
    return b"\n".join(kept)


async def everything(system: System, detail: dict[str, Any]) -> str:
    """All that the API tells of an execution."""
    async with system.client() as client:
        texts = [
            (await client.get(f"/executions/{detail['id']}{end}")).text for end in ("", "/events")
        ]
    steps = [step for job in detail["jobs"] for step in job["steps"]]
    return "\n".join([*texts, *[await system.log(step["id"]) for step in steps]])


async def own_project(system: System) -> System:
    """The same system, looked at in a project of its own: secrets are masked in all its jobs."""
    async with system.client() as client:
        answer = await client.post("/projects", json={"slug": f"p{secrets.token_hex(4)}"})
        assert answer.status_code == 201, answer.text
        return replace(system, project_id=answer.json()["id"])


async def put(system: System, path: str, value: str) -> None:
    async with system.client() as client:
        answer = await client.put(f"/projects/{system.project_id}/{path}", json={"value": value})
        assert answer.status_code == 200, answer.text


async def test_a_secret_reaches_the_step_and_nobody_else(system: System) -> None:
    system = await own_project(system)
    async with system.client() as client:
        path = f"/projects/{system.project_id}/environments"
        made = await client.post(path, json={"name": "production"})
        environment = f"environments/{made.json()['id']}"
    of_project, of_environment = (f"canary-{secrets.token_hex(16)}" for _ in range(2))
    await put(system, "secrets/TOKEN", of_project)
    await put(system, f"{environment}/secrets/token", of_environment)
    await put(system, "variables/REGION", "eu")
    await put(system, "variables/SHARED", "shared")
    await put(system, f"{environment}/variables/REGION", "us")
    detail = await system.run(SOURCE)
    assert detail["status"] == "success", detail
    jobs = {job["key"]: job for job in detail["jobs"]}
    build = await system.log(jobs["build"]["steps"][0]["id"])
    deploy = await system.log(jobs["deploy"]["steps"][0]["id"])
    # The steps had the values: nobody else could say these digests.
    assert sha256(of_project) in build
    assert sha256(of_environment) in deploy
    assert "token *** in eu\n" in build
    assert "token *** in us shared\n" in deploy
    assert "[]\n" in deploy
    assert jobs["build"]["outputs"] == {"region": "eu"}
    (step,) = jobs["build"]["steps"]
    assert "summary ***" in step["summary"]
    told, kept = await everything(system, detail), await stored(system)
    for value in (of_project, of_environment):
        assert value not in told
        assert value.encode() not in kept
    assert b"shared" in kept


async def test_a_secret_that_cannot_be_decrypted_fails_the_job(system: System) -> None:
    system = await own_project(system)
    await put(system, "secrets/BROKEN", "hunter2hunter2")
    database = system.open_database()
    async with database.session() as session:
        changed = update(Secret).where(Secret.name == "BROKEN").values(key_id="0123456789abcdef")
        await session.execute(changed)
    await database.close()
    detail = await system.run("steps:\n  - run: echo ran\n  - if: always()\n    run: echo ran\n")
    (job,) = detail["jobs"]
    assert (detail["status"], job["status"]) == ("failure", "failure")
    assert "BROKEN" in job["reason"]
    assert "0123456789abcdef" in job["reason"]
    assert "success" not in {step["status"] for step in job["steps"]}
