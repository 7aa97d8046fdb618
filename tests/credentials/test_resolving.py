"""What a job is given."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.core.clock import new_id
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.sealing import MasterKeys
from app.credentials.keys import keys_of
from app.credentials.models import Secret
from app.credentials.service.resolving import SecretUnreadable, resolve
from app.projects.models import Project
from tests.fixtures.answers import body

PROJECT = "/api/v1/projects/demo"


@pytest.fixture
def keys(application: FastAPI) -> MasterKeys:
    return keys_of(application.state.settings)


@pytest.fixture
async def environment(maintainer: httpx.AsyncClient) -> str:
    """An environment `Production` beside another one; both have what the project has, and more."""
    for name in ("Production", "staging"):
        made = body(await maintainer.post(f"{PROJECT}/environments", json={"name": name}), 201)
        own = f"{PROJECT}/environments/{made['id']}"
        for kind in ("secrets", "variables"):
            for value in ("BOTH", "OWN"):
                text = {"value": f"{value} of {name}"}
                body(await maintainer.put(f"{own}/{kind}/{value}", json=text))
    for kind in ("secrets", "variables"):
        for value in ("BOTH", "SHARED"):
            path = f"{PROJECT}/{kind}/{value}"
            body(await maintainer.put(path, json={"value": f"{value} of project"}))
    return "Production"


@pytest.mark.usefixtures("environment")
class TestResolve:
    async def test_without_an_environment_it_is_what_the_project_has(
        self, database: Database, keys: MasterKeys, project: Project
    ) -> None:
        given = await resolve(database, keys, project_id=project.id, environment=None)
        assert given.secrets == {"BOTH": "BOTH of project", "SHARED": "SHARED of project"}
        assert given.variables == {}

    @pytest.mark.parametrize("name", ["Production", "PRODUCTION"])
    async def test_the_environment_comes_before_the_project(
        self, database: Database, keys: MasterKeys, project: Project, name: str
    ) -> None:
        given = await resolve(database, keys, project_id=project.id, environment=name)
        assert given.secrets == {
            "BOTH": "BOTH of Production",
            "OWN": "OWN of Production",
            "SHARED": "SHARED of project",
        }
        own = {"BOTH": "BOTH of Production", "OWN": "OWN of Production"}
        assert given.variables == own

    async def test_an_unknown_environment_adds_nothing(
        self, database: Database, keys: MasterKeys, project: Project
    ) -> None:
        given = await resolve(database, keys, project_id=project.id, environment="none")
        assert sorted(given.secrets) == ["BOTH", "SHARED"]

    async def test_another_project_gets_nothing(self, database: Database, keys: MasterKeys) -> None:
        given = await resolve(database, keys, project_id=new_id(), environment="Production")
        assert (given.secrets, given.variables) == ({}, {})

    async def test_code_from_a_fork_gets_no_secrets(
        self, database: Database, keys: MasterKeys, project: Project
    ) -> None:
        given = await resolve(
            database, keys, project_id=project.id, environment="Production", trusted=False
        )
        assert given.secrets == {}
        assert sorted(given.variables) == ["BOTH", "OWN"]

    async def test_nothing_shows_the_secrets_by_accident(
        self, database: Database, keys: MasterKeys, project: Project
    ) -> None:
        given = await resolve(database, keys, project_id=project.id, environment=None)
        assert "of project" not in repr(given)

    @pytest.mark.parametrize(
        "other", [MasterKeys("another", [], None), MasterKeys(None, [], None)], ids=["one", "none"]
    )
    async def test_without_the_key_it_says_which_secret_and_which_key(
        self, database: Database, keys: MasterKeys, project: Project, other: MasterKeys
    ) -> None:
        used = keys.to_write().current_id
        with pytest.raises(SecretUnreadable, match=rf"(BOTH|SHARED) of the project .*{used}"):
            await resolve(database, other, project_id=project.id, environment=None)

    async def test_a_damaged_one_fails(
        self, database: Database, keys: MasterKeys, project: Project
    ) -> None:
        async with database.session() as session:
            changed = update(Secret).where(Secret.scope_id == project.id, Secret.name == "BOTH")
            await session.execute(changed.values(ciphertext=b"x" * 40))
        with pytest.raises(SecretUnreadable, match=r"BOTH of the project"):
            await resolve(database, keys, project_id=project.id, environment=None)


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_an_unreachable_database_is_no_empty_answer(keys: MasterKeys) -> None:
    away = Database("mysql+asyncmy://nobody@127.0.0.1:9/nothing", pool_size=1)
    with pytest.raises(Unavailable):
        await resolve(away, keys, project_id=new_id(), environment=None)
    await away.close()
