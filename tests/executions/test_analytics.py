"""How executions went: known executions, known figures."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.core.orm import Base
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.jobs.tags import executions_of, touch
from app.models import Execution, Job, JobAttempt, Pipeline, Project, Step
from app.projects.models import Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.logs.conftest import LogFactory

SUCCESS, FAILURE = "success", "failure"


@dataclass
class History:
    """Writes executions that have ended."""

    database: Database
    logs: LogFactory
    numbers: dict[uuid.UUID, int] = field(default_factory=dict)

    async def _add(self, *rows: Base) -> None:
        async with self.database.session() as session:
            for row in rows:
                session.add(row)
                await session.flush()

    async def ended(
        self,
        pipeline: Pipeline,
        status: str = SUCCESS,
        *,
        days_ago: int = 0,
        wait_s: float = 1.0,
        duration_s: float = 10.0,
        sha: str | None = None,
        job: str = "build",
        after_s: float = 0.0,
    ) -> Job:
        """An execution with one job of one step, all with this end; returns the job."""
        day = utcnow().date() - timedelta(days=days_ago)
        created = datetime.combine(day, time(), UTC) + timedelta(seconds=after_s)
        began = created + timedelta(seconds=wait_s)
        ended = began + timedelta(seconds=duration_s)
        number = self.numbers[pipeline.id] = self.numbers.get(pipeline.id, 0) + 1
        execution = Execution(
            id=new_id(),
            project_id=pipeline.project_id,
            pipeline_id=pipeline.id,
            version_id=await self.logs.version(pipeline.id),
            number=number,
            status=ExecutionStatus(status),
            title="test",
            event="push",
            ref="refs/heads/main",
            sha=sha or f"{number:040x}",
            github={},
            vars={},
            inputs={},
            actor="test",
            priority="high",
            created_at=created,
            started_at=began,
            finished_at=ended,
        )
        row = Job(
            id=new_id(),
            execution_id=execution.id,
            position=0,
            key=job,
            job_id=job,
            name=job,
            kind="job",
            path=[],
            needs=[],
            status=JobStatus(status),
            outputs={},
            labels=[],
            options={},
            timeout_s=60.0,
            inputs={},
            queued_at=created,
            started_at=began,
            finished_at=ended,
            annotations=[],
        )
        await self._add(execution, row, self._step(row, status))
        return row

    async def replaced(self, job: Job, status: str) -> None:
        """The job has an earlier attempt with this end."""
        assert job.started_at is not None
        before = job.started_at - timedelta(seconds=30)
        attempt = JobAttempt(
            job_id=job.id,
            attempt=0,
            status=status,
            outputs={},
            started_at=before,
            finished_at=before,
        )
        step = self._step(job, status if status in set(StepStatus) else "cancelled", attempt=0)
        step.started_at = step.finished_at = before
        await self._add(attempt, step)

    def _step(self, job: Job, status: str, *, attempt: int = 1) -> Step:
        return Step(
            id=new_id(),
            execution_id=job.execution_id,
            job_id=job.id,
            attempt=attempt,
            index=0,
            name="compile",
            status=StepStatus(status),
            outcome=status,
            conclusion=status,
            outputs={},
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


@pytest.fixture
def history(database: Database, make: Factory) -> History:
    return History(database, LogFactory(database, make))


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


@pytest.fixture
async def owner(make: Factory, sign_in: SignIn, project: Project) -> httpx.AsyncClient:
    user = await make.user("ada")
    await make.member(project, user, Role.OWNER)
    return await sign_in(user)


async def figures(client: httpx.AsyncClient, path: str = "projects/demo", **params: int) -> Any:
    return body(await client.get(f"/api/v1/{path}/analytics", params=params))


class TestFigures:
    async def test_nothing_has_no_rate_and_no_times(self, owner: httpx.AsyncClient) -> None:
        found = await figures(owner)
        assert found["total"] == {
            "executions": 0,
            "succeeded": 0,
            "failed": 0,
            "cancelled": 0,
            "success_rate": None,
            "duration_s": {"p50": None, "p95": None},
            "wait_s": {"p50": None, "p95": None},
        }
        lists = ("by_day", "by_pipeline", "slowest_jobs", "slowest_steps", "flaky_jobs")
        assert [found[name] for name in lists] == [[]] * 5

    async def test_totals_and_quantiles_by_day_and_pipeline(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        build = await make.pipeline(project, "build")
        deploy = await make.pipeline(project, "deploy")
        for number in range(1, 21):
            await history.ended(build, duration_s=float(number), wait_s=number / 10)
        await history.ended(deploy, FAILURE, duration_s=100.0, days_ago=2)
        await history.ended(deploy, "timed_out", duration_s=200.0, days_ago=2)
        await history.ended(deploy, "cancelled", duration_s=5000.0, days_ago=2)
        await history.ended(deploy, duration_s=300.0, days_ago=40)
        found = await figures(owner)
        total = found["total"]
        assert (total["executions"], total["succeeded"], total["failed"]) == (23, 20, 2)
        assert (total["cancelled"], total["success_rate"]) == (1, round(20 / 22, 4))
        assert total["duration_s"] == pytest.approx({"p50": 11.0, "p95": 100.0}, abs=0.01)
        older, newer = found["by_day"]
        assert (older["executions"], newer["executions"]) == (3, 20)
        assert newer["day"] == utcnow().date().isoformat()
        assert newer["duration_s"] == pytest.approx({"p50": 10.0, "p95": 19.0}, abs=0.01)
        assert newer["wait_s"] == pytest.approx({"p50": 1.0, "p95": 1.9}, abs=0.01)
        first, second = found["by_pipeline"]
        assert (first["pipeline"], first["success_rate"]) == ("build", 1.0)
        assert (second["pipeline"], second["success_rate"]) == ("deploy", 0.0)
        assert second["duration_s"] == pytest.approx({"p50": 100.0, "p95": 200.0}, abs=0.01)
        assert (await figures(owner, days=366))["total"]["executions"] == 24
        assert (await figures(owner, days=1))["total"]["executions"] == 20
        one = await figures(owner, f"pipelines/{deploy.id}")
        assert [each["pipeline"] for each in one["by_pipeline"]] == ["deploy"]

    async def test_slow_jobs_and_steps_come_first(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project, "build")
        await history.ended(pipeline, job="fast", duration_s=2.0)
        await history.ended(pipeline, job="slow", duration_s=20.0, wait_s=3.0)
        await history.ended(pipeline, FAILURE, job="slow", duration_s=60.0, wait_s=5.0)
        found = await figures(owner)
        assert [(each["job"], each["runs"]) for each in found["slowest_jobs"]] == [
            ("slow", 2),
            ("fast", 1),
        ]
        slow = found["slowest_jobs"][0]
        assert slow["duration_s"] == pytest.approx({"p50": 20.0, "p95": 60.0}, abs=0.01)
        assert slow["wait_s"] == pytest.approx({"p50": 3.0, "p95": 5.0}, abs=0.01)
        step = found["slowest_steps"][0]
        assert (step["job"], step["step"], step["runs"]) == ("slow", "compile", 2)


class TestFlaky:
    async def test_a_success_after_a_failure_of_the_same_commit(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project, "build")
        await history.ended(pipeline, FAILURE, sha="a" * 40)
        await history.ended(pipeline, sha="a" * 40, after_s=100)
        found = await figures(owner)
        (job,), (step,) = found["flaky_jobs"], found["flaky_steps"]
        assert (job["job"], job["times"], job["failures"], job["runs"]) == ("build", 1, 1, 2)
        assert (step["job"], step["step"], step["times"]) == ("build", "compile", 1)

    async def test_a_success_of_a_later_attempt(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project, "build")
        await history.replaced(await history.ended(pipeline), FAILURE)
        found = await figures(owner)
        assert [each["times"] for each in found["flaky_jobs"]] == [1]
        assert [each["times"] for each in found["flaky_steps"]] == [1]

    async def test_no_repair_no_break_and_no_lost_worker(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project, "build")
        await history.ended(pipeline, FAILURE, sha="a" * 40)
        await history.ended(pipeline, sha="b" * 40, after_s=100)
        await history.ended(pipeline, sha="c" * 40)
        await history.ended(pipeline, FAILURE, sha="c" * 40, after_s=100)
        await history.replaced(await history.ended(pipeline), "worker_lost")
        found = await figures(owner)
        assert (found["flaky_jobs"], found["flaky_steps"]) == ([], [])


class TestCost:
    async def test_it_does_not_grow_with_what_there_is(
        self,
        owner: httpx.AsyncClient,
        make: Factory,
        project: Project,
        history: History,
        queries: Queries,
    ) -> None:
        counts = []
        for number in range(2):
            pipeline = await make.pipeline(project, f"p{number}")
            for _ in range(4):
                await history.ended(pipeline, days_ago=number)
            with queries() as seen:
                await figures(owner, days=100 + number)
            counts.append(len(seen))
        assert counts[0] == counts[1] <= 12

    async def test_it_is_asked_again_only_when_something_ended(
        self,
        owner: httpx.AsyncClient,
        make: Factory,
        project: Project,
        history: History,
        queries: Queries,
        application: Any,
    ) -> None:
        pipeline = await make.pipeline(project)
        await figures(owner)
        with queries(max=1):
            again = await figures(owner)
        assert again["total"]["executions"] == 0
        await history.ended(pipeline)
        async with application.state.runtime.database.session() as session:
            await touch(session, executions_of(project.id))
        assert (await figures(owner))["total"]["executions"] == 1


class TestRefusals:
    async def test_a_year_and_a_day_is_the_longest(self, owner: httpx.AsyncClient) -> None:
        answer = await owner.get("/api/v1/projects/demo/analytics", params={"days": 367})
        assert answer.status_code == 422

    async def test_strangers_do_not_learn_of_the_project(
        self, make: Factory, project: Project, sign_in: SignIn
    ) -> None:
        stranger = await sign_in(await make.user())
        answer = await stranger.get("/api/v1/projects/demo/analytics")
        assert_problem(answer, 404, "project_not_found")
        pipeline = await make.pipeline(project)
        answer = await stranger.get(f"/api/v1/pipelines/{pipeline.id}/analytics")
        assert_problem(answer, 404, "pipeline_not_found")
