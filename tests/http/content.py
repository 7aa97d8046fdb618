"""A server with one of everything, for requests that nobody has thought of."""

import asyncio
import hashlib
import hmac
import itertools
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from app.artifacts.store import ContentStore
from app.auth.repository import UserRepository
from app.auth.service.sessions import Client, begin_session
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.engine.states import StepStatus
from app.models import Execution, Job, Step
from tests.approvals.rows import add_approval
from tests.artifacts.rows import add_artifact, add_cache, add_content
from tests.fixtures.answers import body

PASSWORD = "correct horse battery"  # noqa: S105  of a test's users
SOURCE = "on:\n  workflow_dispatch:\nsteps:\n  - run: echo hello\n"
CALLERS = ("nobody", "guest", "owner", "administrator")
_numbers = itertools.count(1)


@dataclass
class Server:
    """A server with one administrator, on SQLite, in a thread."""

    url: str
    token: str
    database_url: str
    artifacts_url: str

    def client(self, token: str | None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)


async def add_rows(server: Server, job_id: str, caller: str) -> dict[str, uuid.UUID]:
    """What only workers and browsers make: a step that ended, an artifact, a cache, a log-in."""
    database = Database(server.database_url, pool_size=1)
    async with database.session() as session:
        job = await session.get_one(Job, uuid.UUID(job_id))
        execution = await session.get_one(Execution, job.execution_id)
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
    async with database.session() as session:
        user = await UserRepository(session).get_by_name(caller)
        if user is None:
            user = await UserRepository(session).require_by_name("admin")
        client = Client("127.0.0.1", "test")
        principal, _ = await begin_session(session, user=user, client=client)
    content_id = await add_content(database)
    with ContentStore(server.artifacts_url).create(content_id, limit=100) as writer:
        writer.write(b"content")
        stored = writer.commit()
    artifact = await add_artifact(database, job, content_id=content_id, data=b"content")
    assert stored.sha256 == artifact.sha256
    cache = await add_cache(database, execution.project_id)
    approval = await add_approval(database, execution, job)
    await database.close()
    assert principal.credential_id is not None
    return {
        "step_id": step.id,
        "artifact_id": artifact.id,
        "approval_id": approval.id,
        "cache_id": cache.id,
        "session_id": principal.credential_id,
    }


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

    def _ping(self, repository: dict[str, Any]) -> str:
        """Call a webhook; the id of the delivery."""
        secret = repository["webhook_secret"].encode()
        signature = hmac.new(secret, b"{}", hashlib.sha256).hexdigest()
        headers = {
            "X-AnsFlow-Event": "ping",
            "X-AnsFlow-Signature-256": f"sha256={signature}",
        }
        called = self.root.post(f"/hooks/{repository['id']}", content=b"{}", headers=headers)
        delivery_id: str = body(called, 202)["delivery_id"]
        return delivery_id

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
        made = asyncio.run(add_rows(self.server, jobs[0]["id"], caller))
        team = body(self.root.post("/teams", json={"slug": f"team-{caller}-{number}"}), 201)
        body(self.root.put(f"/teams/{team['slug']}/members/{spare['name']}", json={}))
        body(self.root.put(f"{path}/teams/{team['slug']}", json={"role": "guest"}))
        launchers = f"/pipelines/{pipeline['id']}/launchers"
        body(self.root.put(f"{launchers}/users/{spare['name']}"))
        body(self.root.put(f"{launchers}/teams/{team['slug']}"))
        ends = (utcnow() + timedelta(days=1)).isoformat()
        given = {"name": "script", "role": "guest", "scopes": ["read"], "expires_at": ends}
        scripted = body(self.root.post(f"{path}/tokens", json=given), 201)
        token = body(own.post("/auth/tokens", json={"name": "spare", "scopes": ["read"]}), 201)
        self.values[caller] = {
            "project": project["id"],
            "user_name": spare["name"],
            "user_id": spare["id"],
            "pipeline_id": pipeline["id"],
            "execution_id": execution["id"],
            "job_id": jobs[0]["id"],
            **{name: str(id_) for name, id_ in made.items()},
            "token_id": token["id"],
            "project_token_id": scripted["id"],
            "team": team["slug"],
            "number": 1,
            "work_name": "tools.check",
            "queue": "low_priority",
        }
        hourly = {"cron": "0 * * * *"}
        schedules = f"/pipelines/{pipeline['id']}/schedules"
        schedule = body(self.root.post(schedules, json=hourly), 201)
        self.values[caller]["schedule_id"] = schedule["id"]
        chat = {"name": "chat", "kind": "slack", "url": "http://127.0.0.1:1/"}
        channel = body(self.root.post(f"{path}/channels", json=chat), 201)
        wanted_rule = {"channel_id": channel["id"], "events": ["failed"]}
        rule = body(self.root.post(f"{path}/notification-rules", json=wanted_rule), 201)
        self.values[caller] |= {"channel_id": channel["id"], "rule_id": rule["id"]}
        environment = body(self.root.post(f"{path}/environments", json={"name": "production"}), 201)
        values = {"environment_id": environment["id"], "variable_name": "A", "secret_name": "B"}
        for place in (path, f"{path}/environments/{environment['id']}"):
            body(self.root.put(f"{place}/variables/A", json={"value": "a"}))
            body(self.root.put(f"{place}/secrets/B", json={"value": "hunter2"}))
        for kind, text in (("inventories", "all:\n"), ("playbooks", "- hosts: all\n")):
            file = {"name": "site", "content": text}
            body(self.root.post(f"{path}/ansible/{kind}", json=file), 201)
        token = {"kind": "token", "token": "t0ken"}
        forge: dict[str, Any] = {"name": "forge", "content": token}
        credential = body(self.root.post(f"{path}/credentials", json=forge), 201)
        self.values[caller]["credential_id"] = credential["id"]
        address = "https://git.example.com/ansflow/demo.git"
        wanted = {"name": "demo", "forge": "generic", "clone_url": address}
        repository = body(self.root.post(f"{path}/repositories", json=wanted), 201)
        self.values[caller]["repository_id"] = repository["id"]
        self.values[caller]["delivery_id"] = self._ping(repository)
        self.values[caller] |= values | {"kind": "inventories", "file_name": "site"}
        if own is not self.root:
            own.close()
