"""What has expired, what nobody uses and what nothing names goes; the rest stays."""

import uuid

from sqlalchemy import delete, select

from app.artifacts.models import Artifact, CacheEntry, StoredContent
from app.artifacts.service.clean_up import CleanedUp, clean_up
from app.artifacts.store import ContentMissing
from app.core.orm import Base
from app.executions.models import Execution, Job
from tests.artifacts.conftest import Floor
from tests.artifacts.rows import add_artifact, add_cache, add_content
from tests.fixtures.factories import Factory

SOURCE = "steps: [{run: 'true'}]"


async def clean(floor: Floor, *, cache_days: int = 7, cache_bytes: int = 1000) -> CleanedUp:
    return await clean_up(
        floor.database, floor.store, cache_days=cache_days, cache_bytes=cache_bytes
    )


async def job(floor: Floor) -> Job:
    (found,) = (await floor.driver.jobs(await floor.start(SOURCE))).values()
    return found


async def ids(floor: Floor, model: type[Base]) -> set[uuid.UUID]:
    async with floor.database.read() as session:
        return {row.id for row in await session.scalars(select(model))}  # type: ignore[attr-defined]  # all have one


async def content(floor: Floor, *, unused_days_ago: float = 1) -> uuid.UUID:
    """A content that is in the store."""
    id_ = await add_content(floor.database, unused_days_ago=unused_days_ago)
    with floor.store.create(id_, limit=10) as writer:
        writer.write(b"x")
        writer.commit()
    return id_


def is_stored(floor: Floor, id_: uuid.UUID) -> bool:
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    try:
        return b"".join(floor.store.chunks(id_, size=1, sha256=sha256)) == b"x"
    except ContentMissing:
        return False


async def test_an_expired_artifact_goes_with_its_content(floor: Floor) -> None:
    one, old, fresh = await job(floor), await content(floor), await content(floor)
    await add_artifact(floor.database, one, "old", content_id=old, days=-1)
    kept = await add_artifact(floor.database, one, "fresh", content_id=fresh)
    assert await clean(floor) == CleanedUp(artifacts=1, caches=0, contents=1)
    assert await ids(floor, Artifact) == {kept.id}
    assert await ids(floor, StoredContent) == {fresh}
    assert (is_stored(floor, old), is_stored(floor, fresh)) == (False, True)
    assert await clean(floor) == CleanedUp(0, 0, 0)


async def test_the_contents_of_a_deleted_execution_go(floor: Floor) -> None:
    one, stored = await job(floor), await content(floor)
    await add_artifact(floor.database, one, content_id=stored)
    async with floor.database.session() as session:
        await session.execute(delete(Execution).where(Execution.id == one.execution_id))
    assert await ids(floor, Artifact) == set()
    assert await clean(floor) == CleanedUp(0, 0, 1)
    assert not is_stored(floor, stored)


async def test_an_upload_under_way_is_left_alone(floor: Floor) -> None:
    under_way, broken_off = await content(floor, unused_days_ago=-1), await content(floor)
    assert await clean(floor) == CleanedUp(0, 0, 1)
    assert (is_stored(floor, under_way), is_stored(floor, broken_off)) == (True, False)


async def test_caches_go_when_nobody_uses_them_or_there_are_too_many(
    floor: Floor, make: Factory
) -> None:
    project, other = await make.project(), await make.project()
    await add_cache(floor.database, project.id, "unused", used_days_ago=8)
    await add_cache(floor.database, project.id, "older", size=600, used_days_ago=3)
    newer = await add_cache(floor.database, project.id, "newer", size=600, used_days_ago=2)
    others = await add_cache(floor.database, other.id, "others", size=900, used_days_ago=5)
    assert await clean(floor) == CleanedUp(artifacts=0, caches=2, contents=2)
    assert await ids(floor, CacheEntry) == {newer.id, others.id}
