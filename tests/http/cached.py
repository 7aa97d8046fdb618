"""The people, processes and requests of the walk over cached answers."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from schemathesis.core.errors import SerializationNotPossible
from sqlalchemy import select

from app.auth.cookies import COOKIE, CSRF_HEADER
from app.auth.dependencies import public
from app.auth.models import User
from app.auth.passwords import hash_password
from app.core.cache.hits import KEPT_S
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.core.redis import Namespace
from app.engine.states import ExecutionStatus
from app.jobs.tags import EXECUTIONS, PIPELINES, executions_of
from app.models import ApiToken, Execution, LoginSession, Pipeline
from app.projects.models import Launcher, Role, Team, Visibility
from tests.fixtures.factories import Factory
from tests.http.bodies import BODIES, PASSWORD
from tests.http.test_rights import ALL, BY_OTHERS, Content, Route
from tests.logs.conftest import LogFactory
from tests.polling import until

WRITING = tuple(route for route in ALL if route.method not in ("GET", "HEAD"))

ENDED = {"POST /executions/{execution_id}/rerun", "DELETE /executions/{execution_id}"}
"""What is done with an execution that has ended."""
DONE_TO = {
    "DELETE /projects/{project}/members/{user_name}": "guest",
    "DELETE /teams/{team}/members/{user_name}": "by-team",
    "DELETE /pipelines/{pipeline_id}/launchers/users/{user_name}": "target",
}
"""To whom something is done who has it already; other routes do it to a stranger."""
BY_COOKIE = {"POST /auth/logout", "POST /auth/password"}

SAMPLED = {"/system/metrics"}
"""Measured, not read: by design up to 30 s old. Only who gets them is compared."""
QUERIES = {"/pipelines/status": ("", "?project_id={project_id}&status=running")}

Truth = dict[tuple[str, str], tuple[int, bytes]]


@dataclass
class Readers:
    """Those who look, in one process: a client for each."""

    app: FastAPI
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def open(self, credentials: Mapping[str, Mapping[str, str]]) -> None:
        self.clients = {
            name: httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app),
                base_url="http://ansflow.test/api/v1",
                headers=headers,
            )
            for name, headers in credentials.items()
        }

    async def read(self, name: str, path: str) -> tuple[int, bytes]:
        """What somebody gets."""
        answer = await self.clients[name].get(path)
        is_sampled = path.partition("?")[0] in SAMPLED
        return answer.status_code, b"" if is_sampled or answer.is_error else answer.content

    async def forget(self) -> None:
        """Rows were written behind the back of this process."""
        runtime = self.app.state.runtime
        for namespace in (Namespace.API, Namespace.PIPELINE):
            await runtime.cache.purge_namespace(namespace)
        runtime.hits.forget(None)


@dataclass
class Stage:
    """Two processes, one that computes everything, and those who look at them."""

    here: Readers
    there: Readers
    anew: Readers
    database: Database
    make: Factory
    generated: Callable[[Route], Iterator[Any]]
    cached: list[str] = field(default_factory=list)
    walked: int = 0
    is_written: bool = False

    async def set(self, route: Route) -> None:
        """New people, a new project, and everything in it."""
        self.walked += 1
        hashed = await hash_password(PASSWORD) if "/auth/" in route.path else None
        names = [*(role.value for role in Role), "stranger", "administrator", "target", *BY_OTHERS]
        self.users: dict[str, User] = {
            name: await self.make.user(
                f"{name}-{self.walked}",
                administrator=name == "administrator",
                password_hash=hashed,
            )
            for name in names
        }
        content = Content(
            self.make, LogFactory(self.database, self.make), self.users, Visibility.PRIVATE
        )
        async with httpx.AsyncClient() as script:
            await content.renew(script)
            self.script = dict(script.headers)
        self.values: dict[str, Any] = dict(content.values)
        async with self.database.session() as session:
            execution = await session.get_one(Execution, self.values["execution_id"])
            self.values["project_id"] = execution.project_id
            pipeline = await session.get_one(Pipeline, execution.pipeline_id)
            pipeline.last_number = execution.number
            if str(route) in ENDED:
                execution.status = ExecutionStatus.FAILURE
            project_id, pipeline_id = pipeline.project_id, pipeline.id
            session.add(_launcher(pipeline_id, user_id=self.users["target"].id))
            team = await session.scalar(select(Team).where(Team.slug == self.values["team"]))
            assert team is not None
            session.add(_launcher(pipeline_id, team_id=team.id))
            self.values["project_token_id"] = await session.scalar(
                select(ApiToken.id).join(User).where(User.project_id == project_id)
            )
        await self._sign_in(
            with_spare="/auth/" in route.path,
            with_others=any(part in route.path for part in ("team", "launcher", "tokens")),
        )
        self.values["user_name"] = self.users[DONE_TO.get(str(route), "stranger")].name
        self.values["user_id"] = self.users["guest"].id

    async def _sign_in(self, *, with_spare: bool, with_others: bool) -> None:
        everybody = ["administrator", "owner", "guest", "stranger"]
        everybody += ["by-team", "target"] if with_others else []
        tokens = {name: await self.make.token(self.users[name]) for name in everybody}
        self.bearer = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
        secret = await self.make.session(self.users["owner"])
        self.cookie = {"Cookie": f"{COOKIE}={secret}", CSRF_HEADER: "1"}
        spare = await self.make.token(self.users["owner"])
        readers: dict[str, Mapping[str, str]] = {**self.bearer, "nobody": {}}
        if with_others:
            readers["by-token"] = self.script
        if with_spare:
            readers["cookie"] = self.cookie
            readers["spare"] = {"Authorization": f"Bearer {spare}"}
        async with self.database.read() as session:
            owner = self.users["owner"].id
            self.values["token_id"] = await session.scalar(_newest(ApiToken, owner))
            self.values["session_id"] = await session.scalar(_newest(LoginSession, owner))
        for process in (self.here, self.there, self.anew):
            process.open(readers)
        await self.here.forget()
        await self.there.forget()

    def filled(self, path: str) -> str:
        """The address; something unknown where there is nothing of that kind."""
        return path.format_map(defaultdict(new_id, self.values))

    def paths(self) -> list[str]:
        """The addresses of all cached routes."""
        return [
            self.filled(path + query) for path in self.cached for query in QUERIES.get(path, ("",))
        ]

    async def write(self, route: Route) -> bool:
        """Send it from the process `here`; False when it was refused."""
        body = BODIES.get(str(route))
        bodies = self.generated(route) if body is None else iter([body])
        headers = self._writer(route)
        path = self.filled(route.path)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.here.app),
            base_url="http://ansflow.test/api/v1",
            headers=headers,
        ) as client:
            for each in bodies:
                answer = await client.request(route.method, path, json=self._named(each))
                if answer.is_success:
                    return True
        return False

    def _named(self, body: Any) -> Any:
        if isinstance(body, Mapping) and body.get("name") == "owner":
            return {**body, "name": self.users["owner"].name}
        return body

    def _writer(self, route: Route) -> Mapping[str, str]:
        if str(route) in BY_COOKIE:
            return self.cookie
        if public in route.calls:
            return {}
        own = route.path.startswith(("/auth/", "/users/me"))
        return self.bearer["owner" if own else "administrator"]

    def looks(self) -> Iterator[tuple[str, str]]:
        """Who looks at what."""
        paths = self.paths()
        for name in self.here.clients:
            for path in paths if name in self.bearer else paths[:1]:
                yield name, path

    async def warm(self) -> None:
        """Everything is kept in both processes, also without Redis."""
        for process in (self.here, self.there):
            for name, path in self.looks():
                await process.read(name, path)

    async def keep_reading(self) -> None:
        """Reads that are under way while something is written."""
        self.is_written = False
        while not self.is_written:
            for name, path in self.looks():
                for process in (self.here, self.there):
                    if not self.is_written:
                        await process.read(name, path)

    async def old_answers(self) -> list[str]:
        """Which answers are older than the last write."""
        truth, wrong = {}, []
        for name, path in self.looks():
            got = await self.here.read(name, path)
            truth[name, path] = await self.anew.read(name, path)
            if got != truth[name, path]:
                wrong.append(f"the process that wrote: GET {path} for {name}")
        late = await self._other_than(truth)
        if late:
            # The write's versions are in Redis once they are not dirty, however slow this is.
            tags = self.here.app.state.runtime.cache.tags
            written = [PIPELINES, EXECUTIONS, executions_of(self.values["project_id"])]
            await tags.settled(within_s=20)
            await until(lambda: not tags.is_dirty(written))
            await asyncio.sleep(KEPT_S)
            late = await self._other_than(late)
        return wrong + [f"another process: GET {path} for {name}" for name, path in late]

    async def _other_than(self, truth: Truth) -> Truth:
        """Where the other process answers something else."""
        return {
            (name, path): expected
            for (name, path), expected in truth.items()
            if await self.there.read(name, path) != expected
        }


def _launcher(pipeline_id: uuid.UUID, **who: uuid.UUID) -> Launcher:
    return Launcher(id=new_id(), pipeline_id=pipeline_id, created_at=utcnow(), **who)


def _newest(model: type[ApiToken] | type[LoginSession], user_id: Any) -> Any:
    return select(model.id).where(model.user_id == user_id).order_by(model.id.desc()).limit(1)


async def cached_routes(stage: Stage) -> list[str]:
    """Routes whose answers say that they come through the cache."""
    found = []
    for route in ALL:
        if route.method == "GET" and not route.path.endswith("/stream"):
            path = stage.filled(route.path)
            answer = await stage.here.clients["administrator"].get(path)
            if "x-cache" in answer.headers:
                found.append(route.path)
    return found


def bodies_of(schema: Any, route: Route) -> Iterator[Any]:
    """A few bodies that the description allows."""
    operation = schema[f"/api/v1{route.path}"][route.method]
    found: list[Any] = []

    @seed(1)
    @hypothesis_settings(
        max_examples=5,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        found.append(None if isinstance(case.body, schemathesis.core.NotSet) else case.body)

    # Bodies that are no JSON are for tests of their own.
    with suppress(SerializationNotPossible):
        collect()
    yield from found
