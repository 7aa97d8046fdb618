"""Artifacts over HTTP: listed, downloaded with their digest, deleted."""

import asyncio
import hashlib
import io
import uuid
import zipfile
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.core.clock import new_id
from app.executions.models import Job
from app.settings import ArtifactSettings
from tests.artifacts.conftest import Floor
from tests.artifacts.rows import add_artifact, add_content
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

SOURCE = """
steps:
  - run: echo hello > a.txt
  - uses: upload-artifact
    with: {name: "résultats", path: a.txt}
"""


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user(administrator=True))


async def only_job(floor: Floor, execution_id: uuid.UUID) -> Job:
    (job,) = (await floor.driver.jobs(execution_id)).values()
    return job


async def test_an_uploaded_artifact_is_listed_and_downloaded(
    floor: Floor, root: httpx.AsyncClient, queries: Queries
) -> None:
    execution = await floor.start(SOURCE)
    job = await only_job(floor, execution)
    await floor.run(execution, job.key)
    with queries(max=5):
        listed = body(await root.get(f"/api/v1/executions/{execution}/artifacts"))
    (artifact,) = listed["items"]
    assert (artifact["name"], artifact["files"], artifact["attempt"]) == ("résultats", 1, 1)
    assert body(await root.get(f"/api/v1/artifacts/{artifact['id']}")) == artifact
    url = f"/api/v1/artifacts/{artifact['id']}/download"
    answer = await root.get(url)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == artifact["sha256"]
    assert answer.headers["etag"] == f'"{artifact["sha256"]}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''r%C3%A9sultats.zip"
    )
    assert answer.headers["content-length"] == str(artifact["size"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("a.txt") == b"hello\n"
    again = await root.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_deleted_artifact_is_gone(floor: Floor, root: httpx.AsyncClient) -> None:
    execution = await floor.start(SOURCE)
    artifact = await add_artifact(floor.database, await only_job(floor, execution))
    url = f"/api/v1/artifacts/{artifact.id}"
    assert (await root.delete(url)).status_code == 204
    assert_problem(await root.get(url), 404, "artifact_not_found")
    assert_problem(await root.get(f"{url}/download"), 404, "artifact_not_found")
    assert "artifact.clean" in [row.kind for row in await floor.driver.messages()]


async def test_an_expired_artifact_is_not_there(floor: Floor, root: httpx.AsyncClient) -> None:
    execution = await floor.start(SOURCE)
    artifact = await add_artifact(floor.database, await only_job(floor, execution), days=-1)
    assert body(await root.get(f"/api/v1/executions/{execution}/artifacts"))["items"] == []
    answer = await root.get(f"/api/v1/artifacts/{artifact.id}/download")
    assert_problem(answer, 404, "artifact_not_found")


async def test_a_content_of_another_host_is_a_clear_error(
    floor: Floor, root: httpx.AsyncClient
) -> None:
    execution = await floor.start(SOURCE)
    artifact = await add_artifact(floor.database, await only_job(floor, execution), data=b"x")
    answer = await root.get(f"/api/v1/artifacts/{artifact.id}/download")
    problem = assert_problem(answer, 503, "content_unavailable")
    assert "ANSFLOW_ARTIFACTS__URL" in problem["detail"]


@pytest.mark.parametrize("failure", ["missing", "unreadable", "unusable"])
async def test_where_the_store_is_is_told_to_the_log_only(
    floor: Floor, root: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    execution = await floor.start(SOURCE)
    artifact = await add_artifact(floor.database, await only_job(floor, execution), data=b"x")
    url = floor.store.url
    if failure == "unreadable":
        id_ = artifact.content_id
        # A folder where the content should be.
        path = Path(url.removeprefix("file://"), id_.hex[-2:], id_.hex)
        await asyncio.to_thread(path.mkdir, parents=True)
    if failure == "unusable":
        url = "no-such-store://hidden/bucket"
        floor.settings.artifacts = ArtifactSettings(url=SecretStr(url))
        del floor.settings.artifacts_url
    answer = await root.get(f"/api/v1/artifacts/{artifact.id}/download")
    assert_problem(answer, 503, "content_unavailable")
    assert url.partition("://")[2] not in answer.text
    assert url in caplog.text


async def test_a_damaged_content_is_not_served(floor: Floor, root: httpx.AsyncClient) -> None:
    execution = await floor.start(SOURCE)
    content_id = await add_content(floor.database)
    with floor.store.create(content_id, limit=10) as writer:
        writer.write(b"evil")
        writer.commit()
    job = await only_job(floor, execution)
    artifact = await add_artifact(floor.database, job, content_id=content_id, data=b"good")
    answer = await root.get(f"/api/v1/artifacts/{artifact.id}/download")
    assert_problem(answer, 503, "content_unavailable")


async def test_what_does_not_exist(root: httpx.AsyncClient) -> None:
    unknown = new_id()
    for path in (f"/artifacts/{unknown}", f"/artifacts/{unknown}/download"):
        assert_problem(await root.get(f"/api/v1{path}"), 404, "artifact_not_found")
    answer = await root.get(f"/api/v1/executions/{unknown}/artifacts")
    assert_problem(answer, 404, "execution_not_found")
