"""Every route names its guard, and answers each role as the table of rights says."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.api import ROUTERS
from app.auth.dependencies import GUARDS, administrator, caller, current_user, public
from app.auth.models import User
from app.core.db import Database
from app.projects.models import Project, Role, Visibility
from app.projects.rights import (
    LEAST,
    MEANING,
    NEEDS_ADMIN_SCOPE,
    VISITOR,
    Action,
    as_markdown,
    is_at_least,
)
from tests.ansible.rows import add_inventory
from tests.approvals.rows import add_approval
from tests.artifacts.rows import add_test, keep_something
from tests.credentials.rows import add_credential, add_environment, add_values
from tests.fixtures.factories import Factory, SignIn
from tests.logs.conftest import LogFactory
from tests.notifications.rows import add_rule
from tests.triggers.repository_rows import add_delivery, add_repository
from tests.triggers.rows import add_schedule, schedule_of

CALLERS = (
    "anonymous",
    "stranger",
    *(role.value for role in Role),
    "by-team",
    "by-token",
    "administrator",
)
BY_OTHERS = {"by-team": Role.DEVELOPER, "by-token": Role.MAINTAINER}
"""Who has a role without being a member: by a team, and as a token of the project."""
IMPLICIT_JOB = "main"
"""The job of a file that has only steps."""
RIGHTS = Path(__file__).parents[2] / "docs" / "rights.md"

BY_STATEMENT = {
    "/executions/{execution_id}/approvals": Action.EXECUTION_READ,
    "/executions/{execution_id}": Action.EXECUTION_READ,
    "/executions/{execution_id}/events": Action.EXECUTION_READ,
    "/jobs/{job_id}": Action.EXECUTION_READ,
    "/pipelines/{pipeline_id}/status": Action.PIPELINE_READ,
}
"""Routes whose statement returns only what the caller may see, by its base condition."""

HIDDEN = {Action.LOG_READ}
"""What exists only for those who may read it."""


@dataclass(frozen=True)
class Route:
    """One operation with the guards that it depends on."""

    method: str
    path: str
    calls: frozenset[Any]

    @property
    def action(self) -> Action | None:
        """What the caller must be allowed to do in the project of the path."""
        named = {call.action for call in self.calls if hasattr(call, "action")}
        assert len(named) <= 1, self
        return next(iter(named), BY_STATEMENT.get(self.path))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> Iterator[Route]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            calls = frozenset(walk(route.dependant))
            for method in route.methods or ():
                yield Route(method, route.path, calls)


def walk(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from walk(each)


ALL = tuple(routes())
BELOW_A_PROJECT = tuple(route for route in ALL if route.action)


@pytest.mark.parametrize("route", ALL, ids=str)
def test_every_route_names_its_guard(route: Route) -> None:
    assert route.calls & set(GUARDS), "depend on a guard of app.auth.dependencies"


def test_routes_with_something_of_a_project_in_their_path_name_the_right() -> None:
    parts = (
        "{project}",
        "{pipeline_id}",
        "{execution_id}",
        "{job_id}",
        "{step_id}",
        "{artifact_id}",
        "{approval_id}",
        "{schedule_id}",
    )
    inside = {str(route) for route in ALL if any(part in route.path for part in parts)}
    assert inside == {str(route) for route in BELOW_A_PROJECT}


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
@pytest.mark.parametrize("visibility", list(Visibility))
class TestEveryRoute:
    @pytest.fixture
    async def users(self, make: Factory) -> dict[str, User]:
        users = {role.value: await make.user(role.value) for role in Role}
        users["stranger"] = await make.user("stranger")
        users["by-team"] = await make.user("by-team")
        users["administrator"] = await make.user("root", administrator=True)
        await make.user("target")
        return users

    async def test_it_answers_each_role_as_the_table_says(
        self,
        visibility: Visibility,
        application: FastAPI,
        database: Database,
        make: Factory,
        sign_in: SignIn,
        client: httpx.AsyncClient,
        users: dict[str, User],
    ) -> None:
        clients = {"anonymous": client}
        clients |= {name: await sign_in(user) for name, user in users.items()}
        clients["by-token"] = await sign_in(users["stranger"])
        wrong = []
        for name in CALLERS:
            content = Content(make, LogFactory(database, make), users, visibility)
            await content.renew(clients["by-token"])
            for route in BELOW_A_PROJECT:
                path = content.path_of(route, name)
                status = await status_of(clients[name], route.method, path)
                if not is_expected(status, name, visibility, route):
                    wrong.append(f"{name}: {route} answered {status}")
                if route.method == "DELETE":
                    await content.renew(clients["by-token"])
        assert not wrong, "\n".join(wrong)


async def status_of(client: httpx.AsyncClient, method: str, path: str) -> int:
    """The status of an answer; a stream that is still open after half a second was let in."""
    try:
        async with asyncio.timeout(0.5 if path.endswith("/stream") else 60):
            return (await client.request(method, path)).status_code
    except TimeoutError:
        assert path.endswith("/stream"), f"{method} {path} was not answered"
        return 200


@dataclass
class Content:
    """One of everything, in a project with a member of each role."""

    make: Factory
    logs: LogFactory
    users: dict[str, User]
    visibility: Visibility

    async def renew(self, scripted: httpx.AsyncClient) -> None:
        """A new project; `scripted` gets a token of it."""
        members = {role: self.users[role.value] for role in Role}
        project: Project = await self.make.project(visibility=self.visibility, members=members)
        team = await self.make.team(None, self.users["by-team"])
        await self.make.team_role(project, team, BY_OTHERS["by-team"])
        token = await self.make.project_token(project, BY_OTHERS["by-token"])
        scripted.headers["Authorization"] = f"Bearer {token}"
        execution = await self.logs.execution(project)
        job = await self.logs.job(execution, IMPLICIT_JOB)
        step = await self.logs.step(job)
        artifact_id, cache_id = await keep_something(self.logs.database, project.id, job)
        environment = await add_environment(self.logs.database, project.id)
        await add_values(self.logs.database, environment)
        await add_inventory(self.logs.database, project.id)
        repository = await add_repository(self.logs.database, project.id)
        channel_id, rule_id = await add_rule(self.logs.database, project.id)
        self.values = {
            "repository_id": repository.id,
            "delivery_id": (await add_delivery(self.logs.database, repository)).id,
            "kind": "inventories",
            "file_name": "site",
            "environment_id": environment.id,
            "credential_id": (await add_credential(self.logs.database, project.id)).id,
            "variable_name": "REGION",
            "secret_name": "TOKEN",
            "artifact_id": artifact_id,
            "cache_id": cache_id,
            "schedule_id": await add_schedule(
                self.logs.database, schedule_of(execution, self.users["owner"])
            ),
            "test": (await add_test(self.logs.database, execution, job)).hex(),
            "project": project.slug,
            "team": team.slug,
            "channel_id": channel_id,
            "rule_id": rule_id,
            "project_token_id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "pipeline_id": execution.pipeline_id,
            "execution_id": execution.id,
            "approval_id": (await add_approval(self.logs.database, execution, job)).id,
            "job_id": job.id,
            "step_id": step.id,
            "number": 1,
        }

    def path_of(self, route: Route, name: str) -> str:
        """The address for a caller, who leaves the project but adds somebody else to it."""
        leaves = route.action is Action.MEMBER_LEAVE and name in self.users
        user_name = self.users[name].name if leaves else "target"
        return "/api/v1" + route.path.format(**self.values, user_name=user_name)


def is_expected(status: int, name: str, visibility: Visibility, route: Route) -> bool:
    """Without a body, an allowed request may fail later: 404 of something else, 409, 422."""
    action = route.action
    assert action is not None
    role = role_of(name, visibility)
    if name == "anonymous" and role and (current_user in route.calls or needs_user(action)):
        return status == 401
    if role is None:
        # A guard that wants a user may speak first: it says nothing about the project.
        return status == (401 if current_user in route.calls and status == 401 else 404)
    if not is_at_least(role, LEAST[action]):
        if action in HIDDEN:
            return status == 404
        return status == (401 if name == "anonymous" else 403)
    may_miss = action in (Action.MEMBER_WRITE, Action.MEMBER_LEAVE, Action.TOKEN_WRITE)
    # 503: the store does not have what the row promises.
    return status not in (401, 403, 500) and (status != 404 or may_miss)


def needs_user(action: Action) -> bool:
    return action in NEEDS_ADMIN_SCOPE


def role_of(name: str, visibility: Visibility) -> Role | None:
    if name == "administrator":
        return Role.OWNER
    enters = visibility is Visibility.PUBLIC or (
        visibility is Visibility.INTERNAL and name != "anonymous"
    )
    role = BY_OTHERS.get(name) or (Role(name) if name in set(Role) else None)
    if role is None:
        return VISITOR if enters else None
    return max((role, VISITOR), key=rank) if enters else role


def rank(role: Role) -> int:
    return sum(is_at_least(role, other) for other in Role)


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_routes_for_users_refuse_nobody_and_those_for_administrators_users(
    make: Factory, sign_in: SignIn, client: httpx.AsyncClient
) -> None:
    user = await sign_in(await make.user())
    some_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    for route in ALL:
        if route.action or public in route.calls:
            continue
        path = "/api/v1" + route.path
        for parameter in ("user_id", "token_id", "session_id"):
            path = path.replace(f"{{{parameter}}}", some_id)
        anonymous = (await client.request(route.method, path)).status_code
        named = (await user.request(route.method, path)).status_code
        is_open = route.calls & set(GUARDS) == {caller}
        assert (anonymous == 401) is not is_open, route
        assert (named == 403) is (administrator in route.calls), route


class TestTable:
    def test_every_action_has_a_role_and_a_meaning(self) -> None:
        assert set(LEAST) == set(MEANING) == set(Action)

    def test_the_documentation_shows_it(self) -> None:
        # Made by: python -m app.projects.rights > docs/rights.md
        assert RIGHTS.read_text() == as_markdown()
