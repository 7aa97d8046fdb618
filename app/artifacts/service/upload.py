"""A job keeps files: the content first, then the row that makes it findable."""

import uuid
from dataclasses import dataclass

from app.artifacts.errors import ArtifactExists
from app.artifacts.models import Artifact
from app.artifacts.repository.artifacts import ArtifactRepository
from app.artifacts.repository.contents import ContentRepository
from app.artifacts.store import ContentTooLarge, Stored
from app.audit.recording import fields_of, record_change
from app.auth.principals import Principal
from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.jobs.catalog import CleanUpArtifacts
from app.jobs.outbox import enqueue

UPLOAD_TIME_S = 24 * 3600.0
"""After this long an upload that has made no artifact or cache counts as broken off."""
DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Owner:
    """The claim that writes."""

    project_id: uuid.UUID
    pipeline_id: uuid.UUID
    execution_id: uuid.UUID
    job_id: uuid.UUID
    attempt: int
    token: uuid.UUID


class ClaimIsLost(Exception):
    """Another attempt owns this job; nothing was written."""


async def begin_content(database: Database) -> uuid.UUID:
    """The id of a content that is about to be written."""
    id_ = new_id()

    async def write(session: AsyncSession) -> None:
        await ContentRepository(session).add(id_, lifetime_s=UPLOAD_TIME_S)

    await database.transact(write)
    return id_


async def give_up_content(database: Database, id_: uuid.UUID) -> None:
    """The content came to nothing: the next clean-up removes what there is of it."""

    async def write(session: AsyncSession) -> None:
        await ContentRepository(session).free([id_])

    await database.transact(write)


async def room_for_artifact(
    database: Database, owner: Owner, *, name: str, overwrite: bool, quota: int
) -> int:
    """How many bytes this execution may still keep under this name; asked before an upload.

    Raises: ArtifactExists; ContentTooLarge when nothing is left.
    """
    async with database.read() as session:
        repository = ArtifactRepository(session)
        there = await repository.named(owner.execution_id, name)
        used = await repository.size_of(owner.execution_id)
    if there is not None:
        _check_replaces(there, owner, overwrite=overwrite)
        used -= there.size
    if used >= quota:
        raise ContentTooLarge(0)
    return quota - used


async def keep_artifact(
    database: Database,
    owner: Owner,
    stored: Stored,
    *,
    name: str,
    files: int,
    retention_days: int,
    overwrite: bool,
    quota: int,
) -> uuid.UUID:
    """Make a stored content an artifact; returns its id.

    An artifact that an earlier attempt of the same job kept under this name is replaced.
    Raises: ArtifactExists; ContentTooLarge; ClaimIsLost.
    """

    async def write(session: AsyncSession) -> uuid.UUID:
        repository = ArtifactRepository(session)
        await repository.lock_execution(owner.execution_id)
        if not await repository.is_held(owner.job_id, owner.token):
            raise ClaimIsLost
        there = await repository.named(owner.execution_id, name)
        if there is not None and there.content_id == stored.id:
            return there.id
        if there is not None:
            _check_replaces(there, owner, overwrite=overwrite)
            await remove(session, there)
        if await repository.size_of(owner.execution_id) + stored.size > quota:
            raise ContentTooLarge(quota)
        now, expires_at = await repository.times(retention_days * DAY_S)
        artifact = Artifact(
            id=new_id(),
            execution_id=owner.execution_id,
            job_id=owner.job_id,
            attempt=owner.attempt,
            name=name,
            size=stored.size,
            sha256=stored.sha256,
            files=files,
            content_id=stored.id,
            created_at=now,
            expires_at=expires_at,
        )
        await repository.save(artifact, conflict=ArtifactExists(_taken(name)))
        return artifact.id

    return await database.transact(write)


async def remove(session: AsyncSession, artifact: Artifact) -> None:
    """The artifact is no longer there; its content is removed by the next clean-up."""
    content_id = artifact.content_id
    await ArtifactRepository(session).delete(artifact)
    await ContentRepository(session).free([content_id])


async def delete_artifact(session: AsyncSession, artifact: Artifact, *, by: Principal) -> None:
    """Remove an artifact because somebody wants it; its content goes soon."""
    before = fields_of(artifact, "name", "size", "sha256", "execution_id")
    await remove(session, artifact)
    await enqueue(session, CleanUpArtifacts())
    await record_change(
        session,
        by,
        "artifact.delete",
        kind="artifact",
        target_id=artifact.id,
        name=artifact.name,
        project_id=await ArtifactRepository(session).project_of(artifact.execution_id),
        before=before,
    )


def _check_replaces(there: Artifact, owner: Owner, *, overwrite: bool) -> None:
    is_own = there.job_id == owner.job_id and there.attempt < owner.attempt
    if not (overwrite or is_own):
        raise ArtifactExists(_taken(there.name))


def _taken(name: str) -> str:
    return (
        f"this execution already has an artifact {name!r}. Use another name, or set"
        " 'overwrite: true' to replace it"
    )
