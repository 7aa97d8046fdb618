"""A project with a protected environment and people in several roles."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.approvals.service import forks, gate
from app.core.db import Database
from app.credentials.models import Environment
from app.jobs.catalog import PassExecution, PassGate
from app.models import Project, User
from app.projects.models import Role
from tests.credentials.rows import add_environment
from tests.executions.driver import Driver
from tests.fixtures.answers import body
from tests.fixtures.factories import Factory, SignIn

DEPLOY = """
on: workflow_dispatch
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: Production
    steps: [{run: "true"}]
"""


@dataclass
class Scene:
    """Ann starts; bob, cat and dan are maintainers; eve is a developer."""

    database: Database
    driver: Driver
    make: Factory
    sign_in: SignIn
    project: Project
    people: dict[str, User] = field(default_factory=dict)
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def client(self, name: str) -> httpx.AsyncClient:
        """Somebody's client."""
        if name not in self.clients:
            self.clients[name] = await self.sign_in(self.people[name])
        return self.clients[name]

    async def protect(self, **fields: object) -> Environment:
        """Protect the environment `production`; maintainers approve unless told otherwise."""
        given = {"required_approvals": 1, "approver_role": Role.MAINTAINER, **fields}
        return await add_environment(self.database, self.project.id, "production", **given)

    async def start(self, source: str = DEPLOY, *, by: str = "ann", **options: object) -> uuid.UUID:
        """An execution that somebody starts, as far as it gets."""
        pipeline = await self.make.pipeline(self.project, source=source)
        user = self.people[by]
        execution_id = await self.driver.start(
            pipeline.id, user_id=user.id, actor=user.name, **options
        )
        await self.driver.deliver()
        return execution_id

    async def approvals(self, execution_id: uuid.UUID, by: str = "ann") -> list[dict[str, Any]]:
        """The requests of an execution, as the API shows them."""
        client = await self.client(by)
        found: list[dict[str, Any]] = body(
            await client.get(f"/api/v1/executions/{execution_id}/approvals")
        )
        return found

    async def vote(
        self, name: str, approval_id: str, decision: str = "approve", comment: str = ""
    ) -> httpx.Response:
        """Vote as somebody; then do what the message of the last approval says.

        The application's own relay may have taken that message, so it is not waited for.
        """
        client = await self.client(name)
        answer = await client.post(
            f"/api/v1/approvals/{approval_id}/vote",
            json={"decision": decision, "comment": comment},
        )
        if answer.is_success:
            voted = answer.json()
            if voted["kind"] == "fork":
                await self.pass_execution(uuid.UUID(voted["execution_id"]), voted["attempt"])
            else:
                message = PassGate(job_id=uuid.UUID(voted["job_id"]), attempt=voted["attempt"])
                await gate.pass_gate(self.database, message, max_worker_lost=2)
        return answer

    async def pass_execution(self, execution_id: uuid.UUID, attempt: int = 1) -> None:
        """Do what the message about an execution that waits for approval says."""
        message = PassExecution(execution_id=execution_id, attempt=attempt)
        await forks.pass_execution(self.database, message, max_worker_lost=2)

    async def pass_gates(self, execution_id: uuid.UUID) -> None:
        """Do what the messages of waiting jobs say; the application's relay may have taken them."""
        for job in (await self.driver.jobs(execution_id)).values():
            message = PassGate(job_id=job.id, attempt=job.attempt)
            await gate.pass_gate(self.database, message, max_worker_lost=2)

    async def waiting_for(self, name: str, **parameters: object) -> dict[str, Any]:
        """What waits for somebody's vote."""
        client = await self.client(name)
        found: dict[str, Any] = body(
            await client.get("/api/v1/approvals", params=parameters)  # type: ignore[arg-type]
        )
        return found

    async def job(self, execution_id: uuid.UUID, key: str = "deploy") -> tuple[str, str | None]:
        """Status and reason of a job."""
        job = (await self.driver.jobs(execution_id))[key]
        return str(job.status), job.reason


@pytest.fixture
def driver(database: Database) -> Driver:
    """A worker that only claims and finishes."""
    return Driver(database)


@pytest.fixture
async def scene(database: Database, driver: Driver, make: Factory, sign_in: SignIn) -> Scene:
    project = await make.project("demo")
    made = Scene(database, driver, make, sign_in, project)
    roles = {"ann": Role.MAINTAINER, "bob": Role.MAINTAINER, "cat": Role.MAINTAINER}
    roles |= {"dan": Role.MAINTAINER, "eve": Role.DEVELOPER}
    for name, role in roles.items():
        made.people[name] = await make.user(name)
        await make.member(project, made.people[name], role)
    return made
