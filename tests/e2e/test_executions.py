"""The same pipelines on both modes, as a user sees them: HTTP in, HTTP out."""

import asyncio
import hashlib
import secrets
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.logs.models import LogChunk
from tests.e2e.system import System
from tests.polling import until, until_true

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]


def by_key(detail: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {job["key"]: job for job in detail["jobs"]}


def marked(marker: str) -> list[int]:
    """Processes whose environment or command line holds this marker, looked up in /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if marker.encode() in text:
            found.append(int(entry.name))
    return found


async def test_ten_steps_run_in_order(system: System) -> None:
    steps = "\n".join(f"  - run: echo step {number}" for number in range(10))
    detail = await system.run(f"steps:\n{steps}\n")
    assert detail["status"] == "success"
    (job,) = detail["jobs"]
    assert [step["status"] for step in job["steps"]] == ["success"] * 10
    for number, step in enumerate(job["steps"]):
        text = await system.log(step["id"])
        assert f"step {number}\n" in text
        assert step["complete"] is True
        assert step["sha256"] == hashlib.sha256(text.encode()).hexdigest()


async def test_a_diamond_with_a_matrix(system: System) -> None:
    detail = await system.run(
        """
        on: workflow_dispatch
        jobs:
          build: {runs-on: ubuntu-latest, steps: [{run: echo build}]}
          test:
            needs: build
            runs-on: ubuntu-latest
            strategy: {matrix: {part: [a, b, c]}}
            steps: [{run: "echo part=${{ matrix.part }}"}]
          publish: {needs: test, runs-on: ubuntu-latest, steps: [{run: echo publish}]}
        """
    )
    jobs = by_key(detail)
    assert detail["status"] == "success"
    assert set(jobs) == {"build", "test[0]", "test[1]", "test[2]", "publish"}
    for index, part in enumerate("abc"):
        assert f"part={part}" in await system.log(jobs[f"test[{index}]"]["steps"][0]["id"])
    tests_ended = max(jobs[f"test[{index}]"]["finished_at"] for index in range(3))
    assert tests_ended <= jobs["publish"]["started_at"]


async def test_outputs_travel_between_jobs(system: System) -> None:
    detail = await system.run(
        """
        on: workflow_dispatch
        jobs:
          make:
            runs-on: ubuntu-latest
            outputs: {answer: "${{ steps.think.outputs.answer }}"}
            steps:
              - id: think
                run: echo "answer=42" >> "$GITHUB_OUTPUT"
          use:
            needs: make
            runs-on: ubuntu-latest
            steps: [{run: 'echo "got ${{ needs.make.outputs.answer }}"'}]
        """
    )
    jobs = by_key(detail)
    assert jobs["make"]["outputs"] == {"answer": "42"}
    assert "got 42" in await system.log(jobs["use"]["steps"][0]["id"])


async def test_a_failing_job_cleans_up_with_always(system: System) -> None:
    detail = await system.run(
        """
        on: workflow_dispatch
        jobs:
          work:
            runs-on: ubuntu-latest
            steps:
              - run: exit 3
              - run: echo not reached
              - if: always()
                run: echo cleaned up
          report: {needs: work, if: always(), runs-on: ubuntu-latest, steps: [{run: echo report}]}
          after: {needs: work, runs-on: ubuntu-latest, steps: [{run: echo after}]}
        """
    )
    jobs = by_key(detail)
    assert detail["status"] == "failure"
    statuses = [step["status"] for step in jobs["work"]["steps"]]
    assert statuses == ["failure", "skipped", "success"]
    assert jobs["work"]["steps"][0]["exit_code"] == 3
    assert jobs["work"]["steps"][1]["reason"]
    assert jobs["report"]["status"] == "success"
    assert jobs["after"]["status"] == "skipped"
    assert "work" in jobs["after"]["reason"]


async def test_a_running_job_is_cancelled_and_nothing_survives(system: System) -> None:
    marker = f"marker-{secrets.token_hex(8)}"
    execution_id = await system.trigger(
        await system.pipeline(
            f"""
            on: workflow_dispatch
            env: {{MARKER: {marker}}}
            jobs:
              work:
                runs-on: ubuntu-latest
                steps:
                  - run: |
                      setsid sleep 600 &
                      nohup sleep 601 > /dev/null 2>&1 &
                      (sleep 602 &) &
                      sleep 603
                  - if: always()
                    run: echo cleaned up
            """
        )
    )
    await system.until_running(execution_id)
    await until(lambda: len(marked(marker)) >= 4)
    await system.cancel(execution_id)
    detail = await system.ended(execution_id)
    assert detail["status"] == "cancelled"
    (job,) = detail["jobs"]
    assert job["status"] == "cancelled"
    assert job["reason"]
    assert [step["status"] for step in job["steps"]] == ["cancelled", "success"]
    assert marked(marker) == []


async def test_a_second_cancel_kills_the_clean_up(system: System) -> None:
    marker = f"marker-{secrets.token_hex(8)}"
    execution_id = await system.trigger(
        await system.pipeline(
            f"""
            on: workflow_dispatch
            env: {{MARKER: {marker}}}
            jobs:
              work:
                runs-on: ubuntu-latest
                steps:
                  - run: sleep 600
                  - if: always()
                    run: echo cleaning; sleep 600
            """
        )
    )
    await system.until_running(execution_id)
    await system.cancel(execution_id)
    await system.until_step_runs(execution_id, 1)
    await system.cancel(execution_id)
    detail = await system.ended(execution_id)
    assert detail["status"] == "cancelled"
    assert marked(marker) == []


async def test_a_cancel_right_after_the_trigger(system: System) -> None:
    pipeline_id = await system.pipeline("steps: [{run: sleep 600}]")
    executions = [await system.trigger(pipeline_id) for _ in range(4)]
    await asyncio.gather(*[system.cancel(one) for one in executions])
    for execution_id in executions:
        assert (await system.ended(execution_id))["status"] == "cancelled"


async def test_a_step_that_takes_too_long_is_ended(system: System) -> None:
    marker = f"marker-{secrets.token_hex(8)}"
    detail = await system.run(
        f"""
        on: workflow_dispatch
        env: {{MARKER: {marker}}}
        jobs:
          work:
            runs-on: ubuntu-latest
            steps:
              - run: echo begun; sleep 600
                timeout-minutes: 0.02
              - if: always()
                run: echo cleaned up
        """
    )
    (job,) = detail["jobs"]
    assert [step["status"] for step in job["steps"]] == ["timed_out", "success"]
    assert "begun" in await system.log(job["steps"][0]["id"])
    assert detail["status"] in {"failure", "timed_out"}
    assert marked(marker) == []


async def test_failed_jobs_run_again(system: System, tmp_path: Path) -> None:
    switch = Path("/tmp") / f"ansflow-test-{secrets.token_hex(8)}"  # noqa: S108  read by jobs
    execution_id = await system.trigger(
        await system.pipeline(
            f"""
            on: workflow_dispatch
            jobs:
              first:
                runs-on: ubuntu-latest
                outputs: {{v: "${{{{ steps.s.outputs.v }}}}"}}
                steps: [{{id: s, run: 'echo "v=$RANDOM" >> "$GITHUB_OUTPUT"'}}]
              second:
                needs: first
                runs-on: ubuntu-latest
                steps: [{{run: 'echo "v=${{{{ needs.first.outputs.v }}}}"; test -e {switch}'}}]
            """
        )
    )
    try:
        detail = await system.ended(execution_id)
        assert detail["status"] == "failure"
        first = by_key(detail)["first"]
        switch.touch(mode=0o644)
        async with system.client() as client:
            answer = await client.post(f"/executions/{execution_id}/rerun", json={"jobs": "failed"})
            assert answer.status_code == 202, answer.text
            assert answer.json()["attempt"] == 2
        detail = await system.ended(execution_id)
    finally:
        switch.unlink(missing_ok=True)
    jobs = by_key(detail)
    assert detail["status"] == "success"
    assert jobs["first"]["attempt"] == 1
    assert jobs["first"]["outputs"] == first["outputs"]
    assert jobs["second"]["attempt"] == 2
    assert [one["status"] for one in jobs["second"]["attempts"]] == ["failure"]
    assert f"v={first['outputs']['v']}" in await system.log(jobs["second"]["steps"][0]["id"])


async def test_the_history_has_no_gaps_and_a_reason_for_what_was_skipped(system: System) -> None:
    detail = await system.run(
        """
        on: workflow_dispatch
        jobs:
          one: {runs-on: ubuntu-latest, steps: [{run: "false"}]}
          two: {needs: one, runs-on: ubuntu-latest, steps: [{run: "true"}]}
        """
    )
    async with system.client() as client:
        events = (await client.get(f"/executions/{detail['id']}/events")).json()
    assert [event["seq"] for event in events] == list(range(1, detail["seq"] + 1))
    assert events[0]["data"]["status"] == "queued"
    skipped = [event for event in events if event["data"]["status"] == "skipped"]
    assert [event["data"]["key"] for event in skipped] == ["two"]
    assert skipped[0]["data"]["reason"]
    assert events[-1]["data"]["status"] == "failure"


async def test_a_slow_log_is_merged_and_its_text_stays_the_same(system: System) -> None:
    detail = await system.run(
        """
        steps:
          - run: for n in $(seq 12); do echo "line $n"; sleep 0.12; done
        """
    )
    (step,) = detail["jobs"][0]["steps"]
    database = system.open_database()
    try:
        await until_true(partial(is_merged, database, step["id"]))
    finally:
        await database.close()
    text = await system.log(step["id"])
    assert text == "".join(f"line {n}\n" for n in range(1, 13))
    assert step["sha256"] == hashlib.sha256(text.encode()).hexdigest()


async def is_merged(database: Database, step_id: str) -> bool:
    async with database.read() as session:
        statement = select(func.count()).where(LogChunk.step_id == uuid.UUID(step_id))
        return await session.scalar(statement) == 1
