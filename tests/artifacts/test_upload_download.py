"""`upload-artifact` and `download-artifact` in real jobs."""

import io
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from app.artifacts.models import Artifact, StoredContent
from app.engine.states import JobStatus
from tests.artifacts.conftest import Floor
from workers.executors.host import HostExecutor

USE = """
      - uses: actions/download-artifact@v4
        id: down
        with: {name: results, path: in}
      - run: |
          test "$(cat in/a.txt in/sub/b.txt)" = "$(printf 'one\\ntwo')"
          test "$(in/run)" = ran
          test "${{ steps.down.outputs.download-path }}" = "$PWD/in"
          test -O in/a.txt
"""
MAKE = """
      - run: |
          mkdir -p out/sub && echo one > out/a.txt && echo two > out/sub/b.txt
          printf '#!/bin/sh\\necho ran\\n' > out/run && chmod 755 out/run
      - uses: actions/upload-artifact@v4
        id: up
        with: {name: results, path: out}
      - run: |
          test "${{ steps.up.outputs.artifact-id }}" != ""
          test "${{ steps.up.outputs.artifact-url }}" != ""
          test "$(printf %s '${{ steps.up.outputs.artifact-digest }}' | wc -c)" = 64
"""


def two_jobs(first: str, second: str) -> str:
    return f"""
on: workflow_dispatch
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
{first}
  two:
    needs: one
    runs-on: ubuntu-latest
    steps:
{second}
"""


def one_job(script: str, *uploads: str) -> str:
    lines = "".join(f"          {line}\n" for line in script.splitlines())
    steps = "".join(f"  - uses: upload-artifact\n    with: {each}\n" for each in uploads)
    return f"steps:\n  - run: |\n{lines}{steps}"


async def artifacts(floor: Floor) -> dict[str, Artifact]:
    async with floor.database.read() as session:
        return {row.name: row for row in await session.scalars(select(Artifact))}


async def names(floor: Floor, name: str = "artifact") -> Sequence[str]:
    """The paths in an artifact."""
    artifact = (await artifacts(floor))[name]
    pieces = floor.store.chunks(artifact.content_id, size=artifact.size, sha256=artifact.sha256)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert artifact.files == len(archive.namelist())
        return archive.namelist()


async def run(floor: Floor, source: str) -> tuple[JobStatus, str]:
    """Run a pipeline with one job; how it ended and why."""
    result = await floor.once(await floor.pipeline(source))
    return result.status, result.reason or ""


@pytest.mark.parametrize("isolate", [True, False], ids=["own account", "same account"])
async def test_files_get_from_one_job_to_the_next(floor: Floor, isolate: bool) -> None:
    executor = HostExecutor(floor.executor.work_root, isolate=isolate)
    floor.executor, kept = executor, floor.executor
    execution = await floor.start(two_jobs(MAKE, USE))
    assert (await floor.run(execution, "one")).status is JobStatus.SUCCESS
    assert (await floor.run(execution, "two")).status is JobStatus.SUCCESS
    executor.close()
    floor.executor = kept


TREE = """
mkdir -p a/b c .git && touch a/1.txt a/2.log a/b/3.txt a/b/.hidden c/4.txt .git/config top.txt
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a/1.txt", ["1.txt"]),
        ("a", ["1.txt", "2.log", "b/3.txt"]),
        ("a/", ["1.txt", "2.log", "b/3.txt"]),
        ("a/*.txt", ["1.txt"]),
        ("a/**/*.txt", ["1.txt", "b/3.txt"]),
        ("**/*.txt", ["a/1.txt", "a/b/3.txt", "c/4.txt", "top.txt"]),
        ("a\\n!a/b", ["1.txt", "2.log"]),
        ("a\\n!a/**/*.txt", ["2.log"]),
        ("a\\n!a/b\\na/b/3.txt", ["1.txt", "2.log", "b/3.txt"]),
        ("a/1.txt\\nc", ["a/1.txt", "c/4.txt"]),
        ("a/[12].*", ["1.txt", "2.log"]),
        ("a/[^1].*", ["2.log"]),
        ("./c/?.txt", ["4.txt"]),
        (".", ["a/1.txt", "a/2.log", "a/b/3.txt", "c/4.txt", "top.txt"]),
        ("${{ github.workspace }}/c", ["4.txt"]),
    ],
)
@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_patterns(floor: Floor, path: str, found: Sequence[str]) -> None:
    status, reason = await run(floor, one_job(TREE, f'{{path: "{path}"}}'))
    assert status is JobStatus.SUCCESS, reason
    assert await names(floor) == found


async def test_hidden_files_come_only_when_asked_for(floor: Floor) -> None:
    source = one_job(
        TREE,
        "{path: a/b, name: without}",
        "{path: a/b, name: with, include-hidden-files: true}",
        "{path: a/b/.hidden, name: none, if-no-files-found: ignore}",
    )
    assert (await run(floor, source))[0] is JobStatus.SUCCESS
    assert await names(floor, "without") == ["3.txt"]
    assert await names(floor, "with") == [".hidden", "3.txt"]
    assert "none" not in await artifacts(floor)


async def test_links_are_followed_as_far_as_the_job_may_read(floor: Floor, work_root: Path) -> None:
    secret = work_root / "secret"
    secret.write_text("of the worker")
    secret.chmod(0o600)
    script = f"""
mkdir out real && echo 1 > real/file && ln -s ../real out/real && ln -s ../real/file out/link
ln -s {work_root} out/root && ln -s . out/loop && ln -s nowhere out/broken
"""
    status, reason = await run(
        floor, one_job(script, "{path: out/link}", "{path: out/real, name: r}")
    )
    assert status is JobStatus.SUCCESS, reason
    assert await names(floor) == ["link"]
    assert await names(floor, "r") == ["file"]
    if floor.executor.isolates:
        status, reason = await run(floor, one_job(f"ln -s {secret} stolen", "{path: stolen}"))
        assert status is JobStatus.FAILURE
        assert "cannot be read" in reason


@pytest.mark.parametrize(
    ("how", "status"),
    [("warn", JobStatus.SUCCESS), ("ignore", JobStatus.SUCCESS), ("error", JobStatus.FAILURE)],
)
async def test_when_nothing_is_found(floor: Floor, how: str, status: JobStatus) -> None:
    source = one_job("true", f"{{path: nothing, if-no-files-found: {how}}}")
    assert (await run(floor, source))[0] is status
    assert "No files were found with the path 'nothing'" in await floor.log()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("path: a, name: 'x/y'", "contains '/'"),
        ("path: a, compression-level: 10", "at most 9"),
        ("path: a, retention-days: soon", "a number of days"),
        ("path: a, if-no-files-found: perhaps", "must be warn, error or ignore"),
        ("path: '!a'", "names no file or folder"),
        ("path: a, overwrite: maybe", "must be true or false"),
    ],
)
@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_wrong_inputs(floor: Floor, given: str, why: str) -> None:
    status, reason = await run(floor, one_job("touch a", f"{{{given}}}"))
    assert status is JobStatus.FAILURE
    assert why in reason


async def test_a_name_is_taken_once_unless_it_is_overwritten(floor: Floor) -> None:
    source = one_job("touch a b", "{path: a}", "{path: b}")
    status, reason = await run(floor, source)
    assert status is JobStatus.FAILURE
    assert "already has an artifact 'artifact'" in reason
    source = one_job("touch a b", "{path: a}", "{path: b, overwrite: true}")
    async with floor.database.session() as session:
        for row in await session.scalars(select(Artifact)):
            await session.delete(row)
    assert (await run(floor, source))[0] is JobStatus.SUCCESS
    assert await names(floor) == ["b"]


async def test_the_quota_of_an_execution(floor: Floor) -> None:
    floor.settings.artifacts.execution_bytes = 3000
    big = "head -c 2000 /dev/urandom > a"
    source = one_job(big, "{path: a, name: one}", "{path: a, name: one, overwrite: true}")
    assert (await run(floor, source))[0] is JobStatus.SUCCESS
    status, reason = await run(floor, one_job(big, "{path: a, name: x}", "{path: a, name: y}"))
    assert status is JobStatus.FAILURE
    assert "may keep 3000 bytes of artifacts" in reason
    assert set(await artifacts(floor)) == {"one", "x"}
    kept = {row.content_id for row in (await artifacts(floor)).values()}
    async with floor.database.read() as session:
        contents = set(await session.scalars(select(StoredContent.id)))
    assert kept < contents, "what was given up is written down, for the clean-up"


async def test_a_rerun_keeps_what_others_made_and_replaces_its_own(floor: Floor) -> None:
    source = two_jobs(
        "      - run: echo 1 > a\n      - {uses: upload-artifact, with: {path: a, name: one}}",
        "      - run: echo $ANSFLOW_JOB_ATTEMPT > b\n"
        "      - {uses: upload-artifact, with: {path: b, name: two}}\n"
        "      - {uses: download-artifact, with: {name: one}}\n"
        "      - run: test $ANSFLOW_JOB_ATTEMPT = 2\n",
    )
    execution = await floor.start(source)
    await floor.run(execution, "one")
    assert (await floor.run(execution, "two")).status is JobStatus.FAILURE
    first = (await artifacts(floor))["two"]
    await floor.rerun(execution)
    assert (await floor.run(execution, "two")).status is JobStatus.SUCCESS
    after = await artifacts(floor)
    assert (after["one"].attempt, after["two"].attempt) == (1, 2)
    assert after["two"].id != first.id


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
