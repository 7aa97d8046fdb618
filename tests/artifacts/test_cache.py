"""`cache` in real jobs."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.artifacts.models import CacheEntry
from app.engine.states import JobStatus
from tests.artifacts.conftest import Floor
from workers.actions.cache import scopes_of
from workers.executors.host import HostExecutor

HOME = """
jobs:
  job:
    runs-on: ubuntu-latest
    outputs: {found: "${{ steps.look.outputs.found }}"}
    steps:
      - uses: actions/cache@v4
        with: {path: ~/.tool, key: k}
      - id: look
        run: |
          echo "found=$(cat ~/.tool/config 2>/dev/null || true)" >> "$GITHUB_OUTPUT"
          mkdir -p ~/.tool && echo set > ~/.tool/config
"""
MAIN = "refs/heads/main"
SOURCE = """
on:
  workflow_dispatch:
    inputs: {key: {default: deps-1}, exit: {default: 0}}
  push: {}
  pull_request: {}
jobs:
  job:
    runs-on: ubuntu-latest
    outputs:
      hit: ${{ steps.cache.outputs.cache-hit }}
      matched: ${{ steps.cache.outputs.cache-matched-key }}
      found: ${{ steps.look.outputs.found }}
    steps:
      - uses: actions/cache@v4
        id: cache
        with:
          path: |
            deps
            !deps/skipped
          key: ${{ inputs.key || 'deps-1' }}
          restore-keys: |
            deps-
            other-
OPTIONS
      - id: look
        run: |
          found=$(deps/link 2>/dev/null || true)
          test ! -e deps/skipped
          echo "found=$found" >> "$GITHUB_OUTPUT"
          mkdir -p deps/bin
          printf '#!/bin/sh\\necho made' > deps/bin/tool && chmod 750 deps/bin/tool
          touch deps/skipped
          ln -sf bin/tool deps/link
          exit ${{ inputs.exit || 0 }}
"""


def source(**options: str) -> str:
    lines = "".join(f"          {name}: {value}\n" for name, value in options.items())
    return SOURCE.replace("OPTIONS\n", lines)


async def run(floor: Floor, pipeline_id: uuid.UUID, **options: Any) -> Mapping[str, str]:
    """Run the job; its outputs."""
    options.setdefault("ref", MAIN)
    result = await floor.once(pipeline_id, **options)
    assert result.status is JobStatus.SUCCESS, result
    return result.outputs


@pytest.mark.parametrize("isolate", [True, False], ids=["own account", "same account"])
async def test_what_lies_in_the_home_of_the_job(
    floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolate: bool
) -> None:
    # Jobs with the account of the worker have its home, too.
    monkeypatch.setenv("HOME", str(tmp_path))
    executor, floor.executor = (
        floor.executor,
        HostExecutor(floor.executor.work_root, isolate=isolate),
    )
    pipeline = await floor.pipeline(HOME)
    assert (await floor.once(pipeline)).outputs == {"found": ""}
    shutil.rmtree(tmp_path / ".tool", ignore_errors=True)
    assert (await floor.once(pipeline)).outputs == {"found": "set"}, await floor.log()
    floor.executor.close()
    floor.executor = executor


async def entries(floor: Floor) -> list[CacheEntry]:
    async with floor.database.read() as session:
        return list(await session.scalars(select(CacheEntry).order_by(CacheEntry.id)))


def outputs(hit: str, matched: str, found: str) -> dict[str, str]:
    return {"hit": hit, "matched": matched, "found": found}


MISS = outputs("", "", "")


async def test_what_one_execution_made_the_next_one_finds(floor: Floor) -> None:
    pipeline = await floor.pipeline(source())
    assert await run(floor, pipeline) == MISS
    (entry,) = await entries(floor)
    assert (entry.key, entry.scope) == ("deps-1", MAIN)
    assert await run(floor, pipeline) == outputs("true", "deps-1", "made")
    assert [entry.key for entry in await entries(floor)] == ["deps-1"]


async def test_another_key_begins_from_the_newest_that_fits(floor: Floor) -> None:
    pipeline = await floor.pipeline(source())
    await run(floor, pipeline, inputs={"key": "deps-1"})
    found = await run(floor, pipeline, inputs={"key": "deps-2"})
    assert found == outputs("false", "deps-1", "made")
    assert [entry.key for entry in await entries(floor)] == ["deps-1", "deps-2"]
    found = await run(floor, pipeline, inputs={"key": "deps-3"})
    assert found["matched"] == "deps-2"


async def test_a_branch_finds_those_of_the_default_branch_and_not_the_other_way(
    floor: Floor,
) -> None:
    pipeline = await floor.pipeline(source())
    payload = {"repository": {"default_branch": "main"}}
    branch: dict[str, Any] = {"event": "push", "ref": "refs/heads/topic", "payload": payload}
    assert await run(floor, pipeline, **branch) == MISS
    assert await run(floor, pipeline, event="push", payload=payload) == MISS
    assert sorted(entry.scope for entry in await entries(floor)) == [MAIN, "refs/heads/topic"]
    other = branch | {"ref": "refs/heads/other"}
    assert (await run(floor, pipeline, **other))["hit"] == "true"
    assert len(await entries(floor)) == 2


async def test_nothing_is_saved_after_a_failure(floor: Floor) -> None:
    pipeline = await floor.pipeline(source())
    result = await floor.once(pipeline, inputs={"exit": "1"}, ref=MAIN)
    assert result.status is JobStatus.FAILURE
    assert await entries(floor) == []
    pipeline = await floor.pipeline(source(**{"save-always": "true"}))
    result = await floor.once(pipeline, inputs={"exit": "1"}, ref=MAIN)
    assert result.status is JobStatus.FAILURE
    assert len(await entries(floor)) == 1


async def test_lookup_only_says_what_there_is(floor: Floor) -> None:
    pipeline = await floor.pipeline(source(**{"lookup-only": "true"}))
    assert await run(floor, pipeline) == MISS
    assert await run(floor, pipeline) == outputs("true", "deps-1", "")


async def test_a_miss_fails_the_step_when_it_shall(floor: Floor) -> None:
    result = await floor.once(await floor.pipeline(source(**{"fail-on-cache-miss": "true"})))
    assert result.status is JobStatus.FAILURE
    assert "There is no cache for the key 'deps-1'" in (result.reason or "")


async def test_trouble_with_the_store_fails_no_step(floor: Floor) -> None:
    pipeline = await floor.pipeline(source())
    await run(floor, pipeline)
    (entry,) = await entries(floor)
    floor.store.delete(entry.content_id)
    assert await run(floor, pipeline) == MISS


async def test_paths_that_are_not_the_jobs_are_not_saved(floor: Floor) -> None:
    pipeline = await floor.pipeline(
        "steps: [{uses: cache, with: {path: /etc/hostname, key: k}}, {run: 'true'}]"
    )
    assert (await floor.once(pipeline)).status is JobStatus.SUCCESS
    assert await entries(floor) == []


async def test_the_caches_of_a_project_are_its_own(floor: Floor) -> None:
    await run(floor, await floor.pipeline(source()))
    assert await run(floor, await floor.pipeline(source())) == MISS


async def test_what_was_not_used_for_the_longest_time_makes_room(floor: Floor) -> None:
    pipeline = await floor.pipeline(source())
    await run(floor, pipeline)
    (entry,) = await entries(floor)
    floor.settings.artifacts.cache_bytes = entry.size * 2 + entry.size // 2
    for number in (2, 3):
        await run(floor, pipeline, inputs={"key": f"deps-{number}"})
    assert [entry.key for entry in await entries(floor)] == ["deps-2", "deps-3"]


@pytest.mark.parametrize(
    ("github", "scopes"),
    [
        ({"ref": MAIN}, (MAIN,)),
        ({"ref": None}, ("",)),
        (
            {
                "ref": "refs/pull/7/merge",
                "base_ref": "release",
                "event": {"repository": {"default_branch": "main"}},
            },
            ("refs/pull/7/merge", "refs/heads/release", MAIN),
        ),
        (
            {"ref": MAIN, "base_ref": "", "event": {"repository": {"default_branch": "main"}}},
            (MAIN,),
        ),
        ({"ref": MAIN, "event": {"repository": "text"}}, (MAIN,)),
    ],
)
def test_scopes(github: dict[str, Any], scopes: tuple[str, ...]) -> None:
    assert scopes_of(github) == scopes
