"""`reports.junit` of real jobs."""

import uuid
from typing import Any

import httpx
import pytest

from app.engine.states import JobStatus
from tests.artifacts.conftest import Floor
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from workers.runner import reports


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user(administrator=True))


def source(*cases: str, code: int = 0, more: str = "") -> str:
    """A job whose report has these cases: `name` or `name:failure`."""
    written = "".join(case(text) for text in cases)
    return f"""
on: workflow_dispatch
jobs:
  job:
    runs-on: ubuntu-latest
    reports: {{junit: ["out/*.xml"]}}
    steps:
      - run: |
          mkdir out
          cat > out/a.xml <<'END'
          <testsuites><testsuite name="s">{written}</testsuite></testsuites>
          END
          {more or "true"}
          exit {code}
"""


def case(text: str) -> str:
    name, _, bad = text.partition(":")
    inside = f'<{bad} message="why {name}">at length</{bad}>' if bad else ""
    return f'<testcase classname="c" name="{name}" time="0.5">{inside}</testcase>'


async def run(floor: Floor, pipeline_id: uuid.UUID, text: str) -> str:
    """Run an execution of a pipeline with this text; its id."""
    await floor.save(pipeline_id, text)
    execution_id = await floor.driver.start(pipeline_id, ref="refs/heads/main")
    await floor.run(execution_id, "job")
    return str(execution_id)


async def report(root: httpx.AsyncClient, execution_id: str, **query: Any) -> Any:
    return body(await root.get(f"/api/v1/executions/{execution_id}/tests", params=query))


async def test_the_tests_of_a_job_are_listed_with_what_failed_first(
    floor: Floor, root: httpx.AsyncClient, queries: Queries
) -> None:
    pipeline = await floor.pipeline(source("a"))
    text = source("a", "b:failure", "c:skipped", "d:error", code=1)
    execution = await run(floor, pipeline, text)
    with queries(max=9):
        found = await report(root, execution)
    assert [(each["name"], each["status"]) for each in found["items"]] == [
        ("b", "failed"),
        ("d", "error"),
        ("a", "passed"),
        ("c", "skipped"),
    ]
    assert found["items"][0]["message"] == "why b"
    assert found["items"][0]["details"] == "at length"
    assert found["items"][0]["change"] is None
    assert found["summary"] == {
        "total": 4,
        "passed": 1,
        "failed": 1,
        "error": 1,
        "skipped": 1,
        "newly_failing": 0,
        "fixed": 0,
        "flaky": 0,
        "duration_s": 2.0,
        "compared_with": None,
    }
    first = await report(root, execution, limit=3)
    rest = await report(root, execution, limit=3, after=first["next"])
    assert [each["name"] for each in first["items"] + rest["items"]] == ["b", "d", "a", "c"]
    assert rest["next"] is None
    bad = await report(root, execution, status=["failed", "error"])
    assert [each["name"] for each in bad["items"]] == ["b", "d"]


async def test_what_changed_since_the_last_execution(
    floor: Floor, root: httpx.AsyncClient, queries: Queries
) -> None:
    pipeline = await floor.pipeline(source("a"))
    before = await run(floor, pipeline, source("a", "b:failure", "c:failure"))
    execution = await run(floor, pipeline, source("a:failure", "b", "c:failure", "new:error"))
    with queries(max=9):
        found = await report(root, execution)
    changes = {each["name"]: each["change"] for each in found["items"]}
    assert changes == {"a": "newly_failing", "b": "fixed", "c": None, "new": "newly_failing"}
    summary = found["summary"]
    assert (summary["newly_failing"], summary["fixed"], summary["flaky"]) == (2, 1, 0)
    assert summary["compared_with"] == before
    history = found["items"][0]["test"]
    runs = body(await root.get(f"/api/v1/pipelines/{pipeline}/tests/{history}"))
    assert (runs["name"], runs["classname"]) == ("a", "c")
    assert [(each["status"], each["number"]) for each in runs["items"]] == [
        ("failed", 2),
        ("passed", 1),
    ]


async def test_a_test_that_goes_to_and_fro_is_flaky(floor: Floor, root: httpx.AsyncClient) -> None:
    pipeline = await floor.pipeline(source("a"))
    for cases in (["a"], ["a:failure"], ["a"]):
        execution = await run(floor, pipeline, source(*cases, "b"))
        assert (await report(root, execution))["summary"]["flaky"] == 0
    execution = await run(floor, pipeline, source("a:failure", "b"))
    flaky = {each["name"]: each["flaky"] for each in (await report(root, execution))["items"]}
    assert flaky == {"a": True, "b": False}


async def test_a_job_that_is_run_again_shows_its_new_results(
    floor: Floor, root: httpx.AsyncClient
) -> None:
    text = """
on: workflow_dispatch
jobs:
  job:
    runs-on: ubuntu-latest
    reports: {junit: out.xml}
    steps:
      - run: |
          test $ANSFLOW_JOB_ATTEMPT = 2 || bad='<failure>bad</failure>'
          echo "<testsuite><testcase name='a'>$bad</testcase></testsuite>" > out.xml
          test -z "$bad"
"""
    execution_id = await floor.start(text)
    assert (await floor.run(execution_id, "job")).status is JobStatus.FAILURE
    await floor.rerun(execution_id)
    assert (await floor.run(execution_id, "job")).status is JobStatus.SUCCESS
    found = await report(root, str(execution_id))
    (item,) = found["items"]
    assert (item["status"], item["attempt"], item["flaky"]) == ("passed", 2, True)
    assert found["summary"]["total"] == 1


async def test_broken_reports_are_told_and_fail_nothing(
    floor: Floor, root: httpx.AsyncClient
) -> None:
    more = "echo '<testsuite' > out/b.xml; ln -s /etc/passwd out/c.xml; mkdir out/d.xml"
    execution_id = await floor.start(source("a", more=more))
    result = await floor.run(execution_id, "job")
    assert result.status is JobStatus.SUCCESS
    assert (await report(root, str(execution_id)))["summary"]["total"] == 1
    notices = [each for each in result.annotations if each.level == "notice"]
    assert [each.file for each in notices] == ["out/b.xml", "out/c.xml"]
    assert all("was not read" in each.message for each in notices)
    assert "root:" not in await floor.log()


async def test_no_report_at_all_is_told(floor: Floor) -> None:
    execution_id = await floor.start(source("a", more="rm out/a.xml"))
    assert (await floor.run(execution_id, "job")).status is JobStatus.SUCCESS
    assert "No file matches" in await floor.log()


async def test_a_report_is_bounded(
    floor: Floor, root: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_CASES", 3)
    execution_id = await floor.start(source("a", "b:failure", "c", "d", "e"))
    result = await floor.run(execution_id, "job")
    assert (await report(root, str(execution_id)))["summary"]["total"] == 3
    assert any("Only the first 3 tests" in each.message for each in result.annotations)


async def test_what_does_not_exist(floor: Floor, root: httpx.AsyncClient) -> None:
    pipeline = await floor.pipeline(source("a"))
    answer = await root.get(f"/api/v1/pipelines/{pipeline}/tests/{'0' * 32}")
    assert_problem(answer, 404, "test_not_found")
    answer = await root.get(f"/api/v1/pipelines/{pipeline}/tests/nonsense")
    assert answer.status_code == 422
    execution = await floor.driver.start(pipeline)
    found = await report(root, str(execution))
    assert (found["items"], found["summary"]["total"]) == ([], 0)
