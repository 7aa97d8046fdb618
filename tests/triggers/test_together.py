"""Several deliveries and messages at the same time; what is forgotten."""

import asyncio
from datetime import timedelta

from app.core.clock import utcnow
from app.core.db import Database
from app.triggers.models import Delivery
from app.triggers.service.clean_up import KEPT_S, clean_up
from tests.fixtures.answers import body
from tests.triggers.conftest import Place
from tests.triggers.repositories import WORKFLOW, GitRepository, deliver, push
from tests.triggers.repository_rows import add_delivery, add_repository

FILES: dict[str, str | bytes | None] = {
    f".ansflow/{name}.yml": WORKFLOW for name in ("a", "b", "c")
}


async def test_one_message_many_times_at_once_starts_each_file_once(
    place: Place, git: GitRepository
) -> None:
    sha = git.commit(FILES)
    repository = await place.repository(git.url)
    answer = body(await deliver(place.anybody, repository, push(sha)), 202)
    await asyncio.gather(*(place.sync(answer["delivery_id"]) for _ in range(4)))
    delivery = await place.delivery(repository, answer["delivery_id"])
    assert (delivery["status"], delivery["reason"]) == ("done", "started 3 of 3 pipeline files")
    assert len(await place.executions()) == len(delivery["results"]) == 3


async def test_two_pushes_at_once_make_one_pipeline_of_each_file(
    place: Place, git: GitRepository
) -> None:
    sha = git.commit(FILES)
    repository = await place.repository(git.url)
    answers = [
        body(await deliver(place.anybody, repository, push(sha, branch=name)), 202)
        for name in ("one", "two", "three")
    ]
    await asyncio.gather(*(place.sync(answer["delivery_id"]) for answer in answers))
    executions = await place.executions()
    assert len(executions) == 9
    assert len({each["pipeline_id"] for each in executions}) == 3


async def test_the_same_delivery_many_times_at_once_is_one(place: Place) -> None:
    repository = await place.repository()
    payload = push("1" * 40)
    answers = await asyncio.gather(
        *(deliver(place.anybody, repository, payload, delivery_id="x") for _ in range(8))
    )
    assert len({body(answer, 202)["delivery_id"] for answer in answers}) == 1


async def test_old_deliveries_are_forgotten(place: Place, database: Database) -> None:
    repository = await add_repository(database, place.project.id)
    old, new = [await add_delivery(database, repository) for _ in range(2)]
    async with database.session() as session:
        row = await session.get_one(Delivery, old.id)
        row.received_at = utcnow() - timedelta(seconds=KEPT_S + 3600)
    assert await clean_up(database) == 1
    path = f"{place.path}/{repository.id}/deliveries"
    kept = body(await place.owner.get(path))["items"]
    assert [each["id"] for each in kept] == [str(new.id)]
