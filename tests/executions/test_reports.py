"""Stored reports of days, and days of other time zones than UTC."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from app.core.clock import utcnow
from app.core.db import Database
from app.executions.days import day_of, start_of, with_ends
from app.executions.service.reports import compute_reports
from app.models import Project
from tests.executions.test_analytics import FAILURE, History, history, owner, project
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn

__all__ = ["history", "owner", "project"]


async def reports(client: httpx.AsyncClient, path: str = "projects/demo", **params: Any) -> Any:
    return body(await client.get(f"/api/v1/{path}/reports", params=params))


class TestReports:
    async def test_each_day_of_a_project_and_of_its_pipelines_as_computed_by_hand(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        build = await make.pipeline(project, "build")
        deploy = await make.pipeline(project, "deploy")
        other = await make.pipeline(await make.project("other"), "other")
        # 1, 2, 3 and 4 s: half of them are at most 2 s, 95 in 100 at most 4 s.
        for number in range(1, 5):
            await history.ended(build, duration_s=float(number), wait_s=number / 10)
        await history.ended(deploy, FAILURE, duration_s=60.0, wait_s=5.0)
        await history.ended(deploy, "cancelled", duration_s=900.0, days_ago=1)
        await history.ended(other, duration_s=7.0)
        await compute_reports(history.database)
        today, yesterday = (await reports(owner))["items"]
        assert today["day"] == utcnow().date().isoformat()
        counts = ("executions", "succeeded", "failed", "cancelled", "success_rate")
        assert [today[name] for name in counts] == [5, 4, 1, 0, 0.8]
        assert today["duration_s"] == pytest.approx({"p50": 3.0, "p95": 60.0}, abs=0.01)
        assert today["wait_s"] == pytest.approx({"p50": 0.3, "p95": 5.0}, abs=0.01)
        assert [yesterday[name] for name in counts] == [1, 0, 0, 1, None]
        assert yesterday["duration_s"] == {"p50": None, "p95": None}
        (own,) = (await reports(owner, f"pipelines/{build.id}"))["items"]
        assert (own["pipeline_id"], own["success_rate"]) == (str(build.id), 1.0)
        assert own["duration_s"] == pytest.approx({"p50": 2.0, "p95": 4.0}, abs=0.01)
        assert len((await reports(owner, f"pipelines/{deploy.id}"))["items"]) == 2

    async def test_computed_again_they_are_the_same_rows_with_what_is_new(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project)
        await history.ended(pipeline)
        await compute_reports(history.database)
        (first,) = (await reports(owner))["items"]
        await history.ended(pipeline, FAILURE)
        await compute_reports(history.database)
        (second,) = (await reports(owner))["items"]
        assert second["id"] == first["id"]
        assert (first["executions"], second["executions"]) == (1, 2)

    async def test_two_at_once_leave_one_of_each(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project)
        await history.ended(pipeline)
        await asyncio.gather(*(compute_reports(history.database) for _ in range(3)))
        assert len((await reports(owner))["items"]) == 1

    async def test_pages_visit_each_day_once(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project)
        for days in range(5):
            await history.ended(pipeline, days_ago=days)
        await compute_reports(history.database)
        seen, after = [], None
        while True:
            params: dict[str, Any] = {"limit": 2} | ({"after": after} if after else {})
            page = await reports(owner, **params)
            seen += [each["day"] for each in page["items"]]
            if (after := page["next"]) is None:
                break
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == len(set(seen)) == 5

    async def test_their_cost_does_not_grow_with_what_there_is(
        self, make: Factory, database: Database, history: History
    ) -> None:
        counts = []
        for number in range(3):
            for _ in range(3):
                pipeline = await make.pipeline(await make.project())
                await history.ended(pipeline, days_ago=number)
            counts.append(await _statements(database))
        assert len(set(counts)) == 1
        assert counts[0] <= 6

    async def test_strangers_do_not_learn_of_them(
        self, make: Factory, project: Project, sign_in: SignIn
    ) -> None:
        stranger = await sign_in(await make.user())
        answer = await stranger.get("/api/v1/projects/demo/reports")
        assert_problem(answer, 404, "project_not_found")
        pipeline = await make.pipeline(project)
        answer = await stranger.get(f"/api/v1/pipelines/{pipeline.id}/reports")
        assert_problem(answer, 404, "pipeline_not_found")


async def _statements(database: Database) -> int:
    seen: list[str] = []

    def record(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", record)
    try:
        await compute_reports(database)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", record)
    return len(seen)


class TestTimeZones:
    async def test_days_begin_and_end_where_people_are(
        self, owner: httpx.AsyncClient, make: Factory, project: Project, history: History
    ) -> None:
        pipeline = await make.pipeline(project)
        day = utcnow().date() - timedelta(days=5)
        # In Kiritimati it is 14 hours later, and there is no summer time.
        for hours in (9.9, 10.1, 23.9):
            await history.ended(pipeline, days_ago=5, after_s=hours * 3600)
        params = {"timezone": "Pacific/Kiritimati"}
        found = body(await owner.get("/api/v1/projects/demo/analytics", params=params))
        assert found["timezone"] == "Pacific/Kiritimati"
        assert [(each["day"], each["executions"]) for each in found["by_day"]] == [
            (day.isoformat(), 1),
            ((day + timedelta(days=1)).isoformat(), 2),
        ]
        found = body(await owner.get("/api/v1/projects/demo/analytics"))
        assert [(each["day"], each["executions"]) for each in found["by_day"]] == [
            (day.isoformat(), 3)
        ]

    @pytest.mark.parametrize("name", ["Europe/Atlantis", "../etc/passwd", "", "UTC\n"])
    async def test_what_is_no_time_zone_is_refused(
        self, owner: httpx.AsyncClient, name: str
    ) -> None:
        answer = await owner.get("/api/v1/projects/demo/analytics", params={"timezone": name})
        assert answer.status_code == 422
        assert "not a time zone" in answer.text

    def test_days_of_changing_clocks_have_23_and_25_hours(self) -> None:
        spring, autumn = date(2024, 3, 31), date(2024, 10, 27)
        for day, hours in ((spring, 23), (autumn, 25)):
            ((_, end),) = with_ends(day, day, "Europe/Berlin")
            assert end - start_of(day, "Europe/Berlin") == timedelta(hours=hours)

    def test_a_day_whose_midnight_does_not_exist_begins_with_its_first_moment(self) -> None:
        first = start_of(date(2018, 11, 4), "America/Sao_Paulo")
        assert first == datetime(2018, 11, 4, 3, tzinfo=UTC)
        assert day_of(first, "America/Sao_Paulo") == date(2018, 11, 4)
        assert day_of(first - timedelta(seconds=1), "America/Sao_Paulo") == date(2018, 11, 3)
