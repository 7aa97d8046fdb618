"""`download-artifact` in real jobs."""

import uuid
from pathlib import Path

import pytest

from app.engine.states import JobStatus
from tests.artifacts.conftest import Floor
from tests.artifacts.pipelines import artifacts, two_jobs

MANY = """
      - run: echo 1 > a.txt && echo 2 > b.txt
      - {uses: upload-artifact, with: {name: log-a, path: a.txt}}
      - {uses: upload-artifact, with: {name: log-b, path: b.txt}}
      - {uses: upload-artifact, with: {name: other, path: a.txt}}
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("{}", "log-a/a.txt log-b/b.txt other/a.txt"),
        ("{pattern: log-*}", "log-a/a.txt log-b/b.txt"),
        ("{pattern: 'log-*', merge-multiple: true}", "a.txt b.txt"),
        ("{pattern: 'log-[b-z]', path: x}", "x/log-b/b.txt"),
        ("{name: other, path: x/y}", "x/y/a.txt"),
        ("{pattern: nothing}", ""),
    ],
)
@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_several_artifacts(floor: Floor, given: str, found: str) -> None:
    check = f"test \"$(find . -type f | sort | cut -c3- | xargs)\" = '{found}'"
    second = f"      - uses: download-artifact\n        with: {given}\n      - run: {check}\n"
    execution = await floor.start(two_jobs(MANY, second))
    assert (await floor.run(execution, "one")).status is JobStatus.SUCCESS
    result = await floor.run(execution, "two")
    assert result.status is JobStatus.SUCCESS, await floor.log()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("{name: missing}", "There is no artifact 'missing' in the execution; there are: log-a"),
        ("{artifact-ids: nonsense}", "no artifact with the id 'nonsense'"),
        ("{name: other, artifact-ids: x}", "cannot be used together"),
        ("{run-id: nonsense}", "must be the id of an execution"),
        (f"{{run-id: {uuid.UUID(int=7)}}}", "has no execution"),
    ],
)
@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_what_cannot_be_downloaded(floor: Floor, given: str, why: str) -> None:
    second = f"      - uses: download-artifact\n        with: {given}\n"
    execution = await floor.start(two_jobs(MANY, second))
    await floor.run(execution, "one")
    result = await floor.run(execution, "two")
    assert result.status is JobStatus.FAILURE
    assert why in (result.reason or "")


async def test_a_damaged_content_is_not_unpacked(floor: Floor) -> None:
    second = "      - {uses: download-artifact, with: {name: other}}\n"
    execution = await floor.start(two_jobs(MANY, second))
    await floor.run(execution, "one")
    artifact = (await artifacts(floor))["other"]
    floor.store.delete(artifact.content_id)
    with floor.store.create(artifact.content_id, limit=artifact.size) as writer:
        writer.write(b"x" * artifact.size)
        writer.commit()
    result = await floor.run(execution, "two")
    assert result.status is JobStatus.FAILURE
    assert "is damaged" in (result.reason or "")


async def test_a_link_in_the_workspace_leads_the_worker_nowhere(
    floor: Floor, work_root: Path
) -> None:
    target = work_root / "target"
    target.mkdir(mode=0o700)
    second = (
        f"      - run: ln -s {target} in\n"
        "      - {uses: download-artifact, with: {name: other, path: in}}\n"
    )
    execution = await floor.start(two_jobs(MANY, second))
    await floor.run(execution, "one")
    result = await floor.run(execution, "two")
    if floor.executor.isolates:
        assert result.status is JobStatus.FAILURE
        assert not list(target.iterdir())
