"""The API keeps its own description: generated requests of four callers, over real HTTP.

No answer is a server error, none has a status, type or body that the document does not name, and
an owner gets at least four fifths of all operations to succeed.
"""

import asyncio
import itertools
import shutil
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from app.auth.service.bootstrap import ensure_administrator
from app.core.clock import new_id
from app.core.db import Database
from app.engine.states import StepStatus
from app.main import create_app
from app.models import Job, Step
from app.settings import Settings
from tests.fixtures.answers import body

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES = 4
PASSWORD = "correct horse battery"  # noqa: S105  of a test's users
SOURCE = "on:\n  workflow_dispatch:\nsteps:\n  - run: echo hello\n"
_numbers = itertools.count(1)
KNOWN = {
    "POST /api/v1/auth/login": {"name": "", "password": PASSWORD},
    "POST /api/v1/auth/password": {"current_password": PASSWORD, "new_password": PASSWORD},
}
CALLERS = ("nobody", "guest", "owner", "administrator")


@dataclass
class Server:
    """A server with one administrator, on SQLite, in a thread."""

    url: str
    token: str
    database_url: str

    def client(self, token: str | None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers)


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("openapi")
    shutil.copy(sqlite_template, folder / "ansflow.db")
    given_settings: dict[str, Any] = {"data": {"folder": folder}}
    configured = Settings(_env_file=None, **given_settings)
    token = asyncio.run(first_token(configured.database_url))
    config = uvicorn.Config(create_app(configured), port=0, log_config=None, lifespan="on")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield Server(f"http://127.0.0.1:{port}", token, configured.database_url)
    running.should_exit = True
    thread.join()


async def add_step(url: str, job_id: str) -> uuid.UUID:
    """A step that ended without a log; steps are made by workers, and none is here."""
    database = Database(url, pool_size=1)
    async with database.session() as session:
        job = await session.get_one(Job, uuid.UUID(job_id))
        step = Step(
            id=new_id(),
            execution_id=job.execution_id,
            job_id=job.id,
            attempt=1,
            index=0,
            name="step",
            status=StepStatus.SUCCESS,
            outputs={},
        )
        session.add(step)
    await database.close()
    return step.id


async def first_token(url: str) -> str:
    database = Database(url, pool_size=1)
    first = await ensure_administrator(database)
    await database.close()
    assert first is not None
    return first.token


@dataclass
class Content:
    """One of everything, and the credentials of those who look at it."""

    server: Server
    tokens: dict[str, str | None] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.server.client(self.server.token)
        self.tokens = {"nobody": None, "administrator": self.server.token}
        for name in ("guest", "owner"):
            self.tokens[name] = self._user(name)
        for name in CALLERS:
            self.renew(name)

    def _user(self, name: str) -> str:
        body(self.root.post("/users", json={"name": name, "password": PASSWORD}), 201)
        browser = self.server.client(None)
        body(browser.post("/auth/login", json={"name": name, "password": PASSWORD}))
        everything = {"name": "all", "scopes": ["read", "write", "admin"]}
        made = browser.post("/auth/tokens", json=everything, headers={"X-AnsFlow-CSRF": "1"})
        token: str = body(made, 201)["token"]
        browser.close()
        return token

    def _session(self, caller: str) -> str:
        """A log-in of the caller, of somebody else for those who have no password."""
        name = caller if caller in ("guest", "owner") else "guest"
        with self.server.client(None) as browser:
            body(browser.post("/auth/login", json={"name": name, "password": PASSWORD}))
            session: str = body(browser.get("/auth/sessions"))["items"][0]["id"]
        return session

    def renew(self, caller: str) -> None:
        """A new project with everything in it, in which the caller is what its name says."""
        number = next(_numbers)
        own = self.server.client(self.tokens[caller]) if self.tokens[caller] else self.root
        spare = body(self.root.post("/users", json={"name": f"spare-{caller}-{number}"}), 201)
        project = body(self.root.post("/projects", json={"slug": f"{caller}-{number}"}), 201)
        path = f"/projects/{project['id']}"
        if caller in ("guest", "owner"):
            body(self.root.put(f"{path}/members/{caller}", json={"role": caller}))
        if caller == "nobody":
            body(self.root.patch(path, json={"visibility": "public"}))
        body(self.root.put(f"{path}/members/{spare['name']}", json={"role": "guest"}))
        fields = {"slug": "build", "source": SOURCE}
        pipeline = body(self.root.post(f"{path}/pipelines", json=fields), 201)
        started = self.root.post(f"/pipelines/{pipeline['id']}/executions", json={})
        execution = body(started, 202)
        jobs = body(self.root.get(f"/executions/{execution['id']}"))["jobs"]
        step_id = asyncio.run(add_step(self.server.database_url, jobs[0]["id"]))
        token = body(own.post("/auth/tokens", json={"name": "spare", "scopes": ["read"]}), 201)
        self.values[caller] = {
            "project": project["id"],
            "user_name": spare["name"],
            "user_id": spare["id"],
            "pipeline_id": pipeline["id"],
            "execution_id": execution["id"],
            "job_id": jobs[0]["id"],
            "step_id": str(step_id),
            "token_id": token["id"],
            "session_id": self._session(caller),
            "number": 1,
        }
        if own is not self.root:
            own.close()


@pytest.fixture(scope="module")
def content(server: Server) -> Iterator[Content]:
    made = Content(server)
    yield made
    made.root.close()


@pytest.mark.parametrize("caller", CALLERS)
def test_the_api_keeps_its_description(server: Server, content: Content, caller: str) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]  # an invalid operation has no ok(), which fails here
    assert len(operations) > 40
    # What deletes comes last, each time with something new to delete.
    operations.sort(key=lambda operation: operation.method == "delete")
    succeeded, wrong = set(), []
    with requests.Session() as session:
        for operation in operations:
            if operation.method == "delete":
                content.renew(caller)
            run = Run(content, caller, session, operation)
            wrong += run.all()
            if run.succeeded:
                succeeded.add(operation.label)
    assert not wrong, "\n\n".join(wrong)
    if caller == "owner":
        failed = sorted({operation.label for operation in operations} - succeeded)
        assert len(succeeded) >= 0.8 * len(operations), failed


@dataclass
class Run:
    """The generated requests of one caller to one operation."""

    content: Content
    caller: str
    session: requests.Session
    operation: Any
    succeeded: bool = False

    def all(self) -> list[str]:
        """Send them; returns what was wrong."""
        wrong = []
        documented = self.operation.definition.raw["responses"]

        def send(case: schemathesis.Case[Any]) -> None:
            self._point_at_content(case)
            response = case.call(session=self.session, headers=self._headers(), timeout=30)
            self.succeeded = self.succeeded or 200 <= response.status_code < 300
            if str(response.status_code) not in documented:
                wrong.append(f"{self.operation.label}: {response.status_code} undocumented")
            case.validate_response(response, checks=CHECKS)

        phases = (Phase.explicit, Phase.generate)
        quick = settings(
            max_examples=EXAMPLES,
            phases=phases,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        self._send_known()
        test = seed(1)(quick(given(case=self.operation.as_strategy())(send)))
        try:
            test()
        except Exception as error:  # noqa: BLE001  told with all others at the end
            wrong.append(f"{self.operation.label}: {error}")
        return wrong

    def _send_known(self) -> None:
        """A request with a body that no generator would guess."""
        known = KNOWN.get(self.operation.label)
        if known is not None:
            url = self.content.server.url + self.operation.path
            given = known | ({"name": self.caller} if "name" in known else {})
            answer = self.session.post(url, json=given, headers=self._headers(), timeout=30)
            self.succeeded = answer.ok
            self.session.cookies.clear()

    def _headers(self) -> dict[str, str]:
        token = self.content.tokens[self.caller]
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _point_at_content(self, case: schemathesis.Case[Any]) -> None:
        for name in case.path_parameters:
            if name in self.content.values[self.caller]:
                case.path_parameters[name] = self.content.values[self.caller][name]
        # Nothing runs here: a follower would wait for ever.
        case.query.pop("follow", None)
