"""Claimed jobs are given what is stored for them, or do not run."""

import pytest

from app.core.crypto import Keyring
from app.core.db import Database
from app.core.sealing import MasterKeys
from app.executions.service.claim import Claimed
from tests.credentials.rows import add_environment, add_values
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory
from workers.giving import NOT_GIVEN, give
from workers.runner.database import assignment_of
from workers.runner.ports import Assignment, CancelSignal

KEYS = MasterKeys("test", [], None)
SOURCE = (
    "jobs:\n  main:\n    runs-on: any\n    environment: production\n    steps: [{run: 'true'}]\n"
)


class Stage:
    """A claimed job of a project with a variable REGION and a secret TOKEN."""

    def __init__(self, database: Database, make: Factory) -> None:
        self.database, self.make = database, make
        self.driver = Driver(database)

    async def claimed(self, **options: object) -> Claimed:
        project = await self.make.project()
        await add_values(self.database, await add_environment(self.database, project.id))
        pipeline = await self.make.pipeline(project, source=SOURCE)
        execution_id = await self.driver.start(pipeline.id, **options)
        await self.driver.deliver()
        claimed = await self.driver.claim(execution_id, "main")
        assert claimed is not None
        return claimed

    async def give(
        self, claimed: Claimed, keys: MasterKeys = KEYS, database: Database | None = None
    ) -> Assignment:
        assignment = assignment_of(claimed, secrets={"MORE": "given"}, keep_workspace=False)
        signal = CancelSignal()
        if database is not None:
            signal.request()
        return await give(database or self.database, keys, claimed, signal, assignment)


@pytest.fixture
def stage(database: Database, make: Factory) -> Stage:
    return Stage(database, make)


async def test_secrets_and_variables_are_given(stage: Stage) -> None:
    given = await stage.give(await stage.claimed())
    assert given.secrets == {"TOKEN": "hunter2", "MORE": "given"}
    assert given.contexts["vars"] == {"REGION": "eu"}
    assert given.unusable is None
    assert "hunter2" not in str(given.contexts)


async def test_code_from_a_fork_is_given_no_secrets(stage: Stage) -> None:
    given = await stage.give(await stage.claimed(trusted=False))
    assert given.secrets == {"MORE": "given"}


async def test_without_the_key_the_job_is_unusable(stage: Stage) -> None:
    given = await stage.give(await stage.claimed(), MasterKeys("another", [], None))
    assert given.unusable is not None
    assert "TOKEN" in given.unusable
    assert Keyring(["test"]).current_id in given.unusable


async def test_a_job_that_ends_while_the_database_is_away_does_not_run_without(
    stage: Stage,
) -> None:
    away = Database("mysql+asyncmy://nobody@127.0.0.1:9/nothing", pool_size=1)
    given = await stage.give(await stage.claimed(), database=away)
    assert given.unusable == NOT_GIVEN
    await away.close()
