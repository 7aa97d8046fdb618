"""`upload-artifact` in real jobs, and the way of files to the next job."""

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.artifacts.models import Artifact, StoredContent
from app.artifacts.service.upload import ClaimIsLost, keep_artifact
from app.artifacts.store import ContentWriter
from app.configuration.models import ChangedSetting
from app.core.clock import new_id, utcnow
from app.core.errors import Unavailable
from app.engine.states import JobStatus
from tests.artifacts.conftest import Floor
from tests.artifacts.pipelines import artifacts, names, one_job, run, two_jobs
from workers.actions import artifacts_upload
from workers.executors.host import HostExecutor
from workers.runner import storage as storage_module
from workers.runner.storage import Stopped
from workers.storages import open_storages

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


async def test_a_cancel_ends_an_upload(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def endless(*_: object, stop: threading.Event, **__: object) -> int:
        loop.call_soon_threadsafe(begun.set)
        assert stop.wait(60)
        raise Stopped

    monkeypatch.setattr(artifacts_upload, "write_zip", endless)
    pipeline = await floor.pipeline(one_job("touch a", "{path: a}"))
    running = asyncio.create_task(floor.once(pipeline))
    await asyncio.wait_for(begun.wait(), 60)
    floor.cancel.request()
    assert (await running).status is JobStatus.CANCELLED
    assert await artifacts(floor) == {}
    root = Path(floor.store.url.removeprefix("file://"))
    assert await asyncio.to_thread(lambda: [*root.rglob("*.part")]) == []


async def test_changed_global_settings_hold_from_the_next_job_on(floor: Floor) -> None:
    async with floor.database.session() as session:
        for name, value in (("artifact_retention_days", 3), ("artifact_execution_bytes", 3000)):
            row = ChangedSetting(name=name, value=value, changed_by="x", changed_at=utcnow())
            session.add(row)
    big = "head -c 2000 /dev/urandom > a"
    status, reason = await run(floor, one_job(big, "{path: a, name: x}", "{path: a, name: y}"))
    assert status is JobStatus.FAILURE
    assert "may keep 3000 bytes of artifacts" in reason
    kept = (await artifacts(floor))["x"]
    assert kept.expires_at - kept.created_at == timedelta(days=3)


async def test_who_has_lost_the_job_keeps_nothing(floor: Floor) -> None:
    execution = await floor.start(one_job("true"))
    (key,) = await floor.driver.jobs(execution)
    claimed = await floor.claim(execution, key)
    other = dataclasses.replace(claimed, token=new_id())
    storage = await open_storages(floor.settings, floor.database)(other)

    def write(writer: ContentWriter, _: threading.Event) -> int:
        return writer.write(b"x")

    with pytest.raises(ClaimIsLost):
        await storage.keep_artifact(write, name="a", retention_days=1, overwrite=True)
    assert await artifacts(floor) == {}


async def test_an_upload_waits_while_the_database_is_away(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def sometimes(*arguments: Any, **options: Any) -> uuid.UUID:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise Unavailable
        return await keep_artifact(*arguments, **options)

    monkeypatch.setattr(storage_module, "keep_artifact", sometimes)
    monkeypatch.setattr(storage_module, "RETRY_S", 0.01)
    assert (await run(floor, one_job("touch a", "{path: a}")))[0] is JobStatus.SUCCESS
    assert calls == 3
    assert set(await artifacts(floor)) == {"artifact"}


async def test_the_time_that_artifacts_are_kept(floor: Floor) -> None:
    source = one_job(
        "touch a",
        "{path: a, name: short, retention-days: 3}",
        "{path: a, name: long, retention-days: 400}",
        "{path: a, name: default, compression-level: 0}",
    )
    assert (await run(floor, source))[0] is JobStatus.SUCCESS
    days = {
        name: round((row.expires_at - row.created_at).total_seconds() / 86400)
        for name, row in (await artifacts(floor)).items()
    }
    assert days == {"short": 3, "long": 90, "default": 90}
    assert "kept for at most 90 days" in await floor.log()
