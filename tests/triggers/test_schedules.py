"""Schedules over HTTP, and those that stand in pipeline files."""

from datetime import datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.auth.models import User
from app.auth.principals import Principal
from app.core.clock import utcnow
from app.core.db import AsyncSession, Database
from app.jobs.catalog import SyncSchedules
from app.models import Pipeline, Project, Schedule
from app.pipelines.checking import check
from app.pipelines.service.pipelines import create_pipeline
from app.pipelines.service.versions import roll_back, save_version
from app.projects.models import Role
from app.triggers.schedules.service.definition import sync_schedules
from tests.executions.driver import Driver
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.triggers.rows import add_schedule, schedule_of

DAILY = {"cron": "30 6 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
async def developer(make: Factory) -> User:
    return await make.user("developer")


@pytest.fixture
async def project(make: Factory, developer: User) -> Project:
    return await make.project("demo", members={Role.DEVELOPER: developer})


@pytest.fixture
async def pipeline(make: Factory, project: Project) -> Pipeline:
    return await make.pipeline(project)


@pytest.fixture
async def schedules(pipeline: Pipeline) -> str:
    return f"/api/v1/pipelines/{pipeline.id}/schedules"


@pytest.fixture
async def someone(developer: User, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(developer)


def path(schedule: dict[str, str]) -> str:
    return f"/api/v1/schedules/{schedule['id']}"


class TestCreate:
    async def test_it_is_the_callers_and_knows_when_it_fires(
        self, someone: httpx.AsyncClient, schedules: str, developer: User, project: Project
    ) -> None:
        made = body(await someone.post(schedules, json=DAILY), 201)
        assert made["owner_id"] == str(developer.id)
        assert (made["enabled"], made["defined"]) == (True, False)
        assert (made["overlap"], made["catch_up"]) == ("allow", "none")
        due = datetime.fromisoformat(made["next_fire_at"])
        assert timedelta(0) < due - utcnow() <= timedelta(days=1, hours=1)
        assert body(await someone.get(path(made))) == made
        assert body(await someone.get(schedules))["items"] == [made]
        of_project = await someone.get(f"/api/v1/projects/{project.slug}/schedules")
        assert body(of_project)["items"] == [made]

    async def test_the_next_fires_are_shown(
        self, someone: httpx.AsyncClient, schedules: str
    ) -> None:
        made = body(await someone.post(schedules, json={"cron": "*/15 * * * *"}), 201)
        fires = body(await someone.get(f"{path(made)}/upcoming", params={"count": 4}))["fires"]
        times = [datetime.fromisoformat(each) for each in fires]
        assert times[0] == datetime.fromisoformat(made["next_fire_at"])
        steps = {later - earlier for earlier, later in pairwise(times)}
        assert (len(times), steps) == (4, {timedelta(minutes=15)})

    async def test_one_that_is_off_does_not_fire(
        self, someone: httpx.AsyncClient, schedules: str
    ) -> None:
        made = body(await someone.post(schedules, json={**DAILY, "enabled": False}), 201)
        assert made["next_fire_at"] is None
        assert body(await someone.get(f"{path(made)}/upcoming"))["fires"] == []

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"cron": "0 0 30 2 *"}, "never fires"),
            ({"cron": "0 0 31 4 */2"}, "never fires"),
            ({"cron": "61 0 * * *"}, "out of range for minute"),
            ({"cron": "0 0 * * * *"}, "five fields"),
            ({"cron": "@hourly  "}, "not a cron expression"),
            ({"cron": "0 0 * * MOO"}, "not a value for day of week"),
            ({"cron": "* * * * *", "timezone": "Europe/Atlantis"}, "not a time zone"),
            ({"cron": "* * * * *", "timezone": "../../etc/passwd"}, "not a time zone"),
            ({"cron": "* * * * *", "timezone": "😀"}, "not a time zone"),
        ],
    )
    async def test_what_cannot_be_is_refused_with_the_reason(
        self, someone: httpx.AsyncClient, schedules: str, fields: dict[str, str], says: str
    ) -> None:
        answer = await someone.post(schedules, json=fields)
        assert says in assert_problem(answer, 422, "invalid_schedule")["detail"]

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"cron": "* * * *\x00 *"},
            {"cron": "* * * * *", "ref": "main"},
            {"cron": "* * * * *", "inputs": {"a": {"b": 1}}},
            {"cron": "* * * * *", "owner_id": "01890a5d-ac96-774b-bcce-b302099a8057"},
            {"cron": "* * * * *", "overlap": "perhaps"},
        ],
    )
    async def test_a_bad_value_is_refused(
        self, someone: httpx.AsyncClient, schedules: str, fields: dict[str, object]
    ) -> None:
        assert_problem(await someone.post(schedules, json=fields), 422, "invalid")

    async def test_a_pipeline_has_so_many_only(
        self,
        someone: httpx.AsyncClient,
        schedules: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("app.triggers.schedules.service.schedules.MOST", 1)
        body(await someone.post(schedules, json=DAILY), 201)
        assert_problem(await someone.post(schedules, json=DAILY), 409, "too_many_schedules")


class TestChange:
    async def test_absent_fields_stay_and_it_fires_at_its_new_time(
        self, someone: httpx.AsyncClient, schedules: str
    ) -> None:
        made = body(await someone.post(schedules, json={**DAILY, "catch_up": "latest"}), 201)
        changed = body(await someone.patch(path(made), json={"cron": "0 0 1 1 *"}))
        assert (changed["timezone"], changed["catch_up"]) == ("Europe/Berlin", "latest")
        assert changed["next_fire_at"][5:10] == "12-31", "New Year in Berlin"
        off = body(await someone.patch(path(made), json={"enabled": False}))
        assert off["next_fire_at"] is None

    async def test_it_is_then_the_callers(
        self,
        someone: httpx.AsyncClient,
        schedules: str,
        make: Factory,
        project: Project,
        sign_in: SignIn,
    ) -> None:
        """Nobody lets another person's rights run what they chose."""
        made = body(await someone.post(schedules, json=DAILY), 201)
        other = await make.user("other")
        await make.member(project, other, Role.MAINTAINER)
        answer = await (await sign_in(other)).patch(path(made), json={"inputs": {"a": 1}})
        assert body(answer)["owner_id"] == str(other.id)

    async def test_what_cannot_be_is_refused(
        self, someone: httpx.AsyncClient, schedules: str
    ) -> None:
        made = body(await someone.post(schedules, json=DAILY), 201)
        answer = await someone.patch(path(made), json={"cron": "0 0 30 2 *"})
        assert_problem(answer, 422, "invalid_schedule")
        assert body(await someone.get(path(made))) == made

    async def test_every_change_is_in_the_audit_trail(
        self, someone: httpx.AsyncClient, schedules: str, database: Database
    ) -> None:
        made = body(await someone.post(schedules, json=DAILY), 201)
        body(await someone.patch(path(made), json={"cron": "0 0 1 1 *"}))
        body(await someone.delete(path(made)), 204)
        async with database.read() as session:
            entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
        assert [entry.action.partition(".")[2] for entry in entries] == [
            "create",
            "update",
            "delete",
        ]
        assert entries[1].before == {"cron": "30 6 * * *"}


class TestDelete:
    async def test_it_is_gone(self, someone: httpx.AsyncClient, schedules: str) -> None:
        made = body(await someone.post(schedules, json=DAILY), 201)
        body(await someone.delete(path(made)), 204)
        assert_problem(await someone.get(path(made)), 404, "schedule_not_found")
        assert_problem(await someone.delete(path(made)), 404, "schedule_not_found")


class TestWho:
    async def test_strangers_do_not_learn_of_it(
        self, someone: httpx.AsyncClient, schedules: str, make: Factory, sign_in: SignIn
    ) -> None:
        made = body(await someone.post(schedules, json=DAILY), 201)
        stranger = await sign_in(await make.user("stranger"))
        for answer in (
            await stranger.get(path(made)),
            await stranger.patch(path(made), json={}),
            await stranger.delete(path(made)),
            await stranger.get(f"{path(made)}/fires"),
        ):
            assert_problem(answer, 404, "schedule_not_found")
        assert_problem(await stranger.post(schedules, json=DAILY), 404, "pipeline_not_found")


@pytest.mark.parametrize("where", ["pipeline", "project"])
async def test_a_list_is_in_pages_of_constant_cost(
    someone: httpx.AsyncClient,
    database: Database,
    developer: User,
    project: Project,
    pipeline: Pipeline,
    schedules: str,
    queries: Queries,
    where: str,
) -> None:
    address = schedules if where == "pipeline" else f"/api/v1/projects/{project.slug}/schedules"
    costs = []
    for _ in range(2):
        await add_schedule(database, schedule_of(pipeline, developer))
        with queries(max=4) as seen:
            items = body(await someone.get(address))["items"]
        costs.append(len(seen))
    assert costs[0] == costs[1]
    assert len(items) == 2
    page = body(await someone.get(address, params={"limit": 1}))
    rest = body(await someone.get(address, params={"limit": 1, "after": page["next"]}))
    assert [*page["items"], *rest["items"]] == items


SCHEDULED = """
on:
  schedule:
    - cron: "30 6 * * *"
      timezone: Europe/Berlin
    - cron: "0 0 1 * *"
steps:
  - run: echo hello
"""


class TestInThePipelineFile:
    async def save(self, someone: httpx.AsyncClient, pipeline: Pipeline, source: str) -> None:
        answer = await someone.post(
            f"/api/v1/pipelines/{pipeline.id}/versions", json={"source": source}
        )
        body(answer)

    async def sync(self, database: Database, pipeline: Pipeline) -> None:
        await sync_schedules(database, SyncSchedules(pipeline_id=pipeline.id))

    async def test_they_come_and_go_with_the_version(
        self,
        someone: httpx.AsyncClient,
        pipeline: Pipeline,
        schedules: str,
        developer: User,
        database: Database,
    ) -> None:
        await self.save(someone, pipeline, SCHEDULED)
        await self.sync(database, pipeline)
        items = body(await someone.get(schedules))["items"]
        assert {(each["cron"], each["timezone"]) for each in items} == {
            ("30 6 * * *", "Europe/Berlin"),
            ("0 0 1 * *", "UTC"),
        }
        assert all(each["defined"] and each["next_fire_at"] for each in items)
        assert {each["owner_id"] for each in items} == {str(developer.id)}
        monthly = next(each for each in items if each["timezone"] == "UTC")
        body(await someone.patch(path(monthly), json={"enabled": False}))
        await self.save(someone, pipeline, SCHEDULED.replace("30 6", "45 7"))
        await self.sync(database, pipeline)
        items = body(await someone.get(schedules))["items"]
        assert {each["cron"] for each in items} == {"45 7 * * *", "0 0 1 * *"}
        kept = next(each for each in items if each["timezone"] == "UTC")
        assert (kept["id"], kept["enabled"]) == (monthly["id"], False)
        body(await someone.post(f"/api/v1/pipelines/{pipeline.id}/rollback", json={"number": 1}))
        await self.sync(database, pipeline)
        assert body(await someone.get(schedules))["items"] == []

    async def test_those_that_people_made_stay(
        self,
        someone: httpx.AsyncClient,
        pipeline: Pipeline,
        schedules: str,
        database: Database,
    ) -> None:
        made = body(await someone.post(schedules, json=DAILY), 201)
        await self.save(someone, pipeline, "steps:\n  - run: echo other\n")
        await self.sync(database, pipeline)
        assert body(await someone.get(schedules))["items"] == [made]

    async def test_each_new_current_version_orders_it(
        self, project: Project, developer: User, database: Database
    ) -> None:
        by = Principal(user_id=developer.id, name=developer.name)
        scheduled, other = await check(SCHEDULED, {}), await check("steps:\n  - run: a\n", {})

        async def create(session: AsyncSession) -> Pipeline:
            return await create_pipeline(
                session, by=by, project_id=project.id, checked=scheduled, slug="nightly"
            )

        made = await database.transact(create)
        for checked in (scheduled, other):
            async with database.session() as session:
                await save_version(session, pipeline=made, by=by, checked=checked, message="")
        async with database.session() as session:
            await roll_back(session, by=by, pipeline=made, number=1)
        kinds = [row.kind for row in await Driver(database).messages()]
        # Made, changed, rolled back; saving the same again changes nothing.
        assert kinds == [SyncSchedules.wire] * 3

    async def test_their_times_are_changed_there(
        self, someone: httpx.AsyncClient, pipeline: Pipeline, developer: User, database: Database
    ) -> None:
        schedule: Schedule = schedule_of(pipeline, developer, is_defined=True)
        await add_schedule(database, schedule)
        address = f"/api/v1/schedules/{schedule.id}"
        answer = await someone.patch(address, json={"cron": "0 0 1 1 *"})
        assert_problem(answer, 409, "schedule_is_defined")
        assert_problem(await someone.delete(address), 409, "schedule_is_defined")
