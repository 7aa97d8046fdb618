"""One pipeline file of one delivery: its pipeline, its version, its execution; one transaction."""

import re
import uuid
from dataclasses import dataclass, replace

from app.auth.principals import SYSTEM
from app.core.clock import new_id
from app.core.db import AsyncSession, Database, Replay
from app.executions.errors import DefinitionIsInvalid, InputsAreInvalid
from app.executions.service.start import Started, Trigger, start_within
from app.executions.service.start_invalid import start_invalid
from app.pipelines.errors import PipelineSlugTaken
from app.pipelines.models import Pipeline, PipelineVersion
from app.pipelines.repository import PipelineRepository, VersionRepository
from app.pipelines.service.pipelines import create_pipeline
from app.pipelines.service.versions import add_version, save_version
from app.triggers.errors import RepositoryNotFound
from app.triggers.forges.happenings import Happening
from app.triggers.models import (
    CommitStatus,
    Delivery,
    DeliveryResult,
    ForkPolicy,
    Repository,
    RepositoryPipeline,
)
from app.triggers.repository.deliveries import DeliveryRepository
from app.triggers.repository.repositories import RepositoryRepository
from app.triggers.service.candidates import Verdict

_MOST_SUFFIXES = 100
_MESSAGE = "from {ref} at {sha}"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done about one file. `happening` knows its commit."""

    repository: Repository
    delivery: Delivery
    run: int
    happening: Happening
    verdict: Verdict

    @property
    def is_current(self) -> bool:
        """Whether the file is what the pipeline is from now on."""
        branch = f"refs/heads/{self.repository.default_branch}"
        return self.happening.name == "push" and self.happening.ref == branch


async def start_file(database: Database, order: Order, *, server_url: str) -> bool:
    """Store the file's version and start it if the event wants that; True when it was started.

    A file that cannot be planned, or inputs that it does not take, are an execution that failed.
    Raises: Unavailable, RepositoryNotFound when it was deleted meanwhile.
    """
    problem = order.verdict.candidate.problem

    async def write(session: AsyncSession) -> bool:
        return await _write(session, order, problem, server_url=server_url)

    try:
        return await database.transact(write)
    except (DefinitionIsInvalid, InputsAreInvalid) as error:
        # That transaction is gone: this one records the failure instead.
        problem = str(error)
        return await database.transact(write)


async def _write(
    session: AsyncSession, order: Order, problem: str | None, *, server_url: str
) -> bool:
    repositories, deliveries = RepositoryRepository(session), DeliveryRepository(session)
    path = order.verdict.candidate.path
    if await repositories.get(order.repository.id, lock=True) is None:
        raise RepositoryNotFound
    known = await deliveries.result(order.delivery.id, order.run, path)
    if known is not None:
        return known.execution_id is not None
    started: Started | None = None
    if order.verdict.starts or order.is_current:
        pipeline, version = await _stored(session, order)
        if order.verdict.starts:
            started = await _start(session, order, pipeline, version, problem, server_url)
    result = DeliveryResult(
        id=new_id(),
        delivery_id=order.delivery.id,
        run=order.run,
        path=path[:255],
        execution_id=None if started is None else started.execution_id,
        reason=order.verdict.reason[:2000],
    )
    await deliveries.save(result, conflict=RepositoryNotFound())
    return started is not None


async def _start(
    session: AsyncSession,
    order: Order,
    pipeline: Pipeline,
    version: PipelineVersion,
    problem: str | None,
    server_url: str,
) -> Started:
    happening = order.happening
    trigger = Trigger(
        pipeline_id=pipeline.id,
        event=happening.name,
        version=version.number,
        ref=happening.ref,
        sha=happening.sha,
        inputs=happening.inputs or {},
        payload=happening.payload,
        actor=happening.actor,
        repository_id=order.repository.id,
        repository_url=order.repository.clone_url,
        trusted=not happening.is_fork,
        needs_approval=_needs_approval(order),
    )
    if problem is None:
        started = await start_within(session, trigger, server_url=server_url)
    else:
        started = await start_invalid(
            session,
            replace(trigger, needs_approval=False),
            problem=f"{order.verdict.candidate.path}, {problem}",
            server_url=server_url,
        )
    status = CommitStatus(
        execution_id=started.execution_id,
        repository_id=order.repository.id,
        context=f"ansflow/{pipeline.slug} ({happening.name})"[:255],
    )
    await RepositoryRepository(session).save(status, conflict=RepositoryNotFound())
    return started


def _needs_approval(order: Order) -> bool:
    is_asked = order.repository.fork_policy is ForkPolicy.APPROVE
    return is_asked and order.happening.is_fork and not order.happening.is_by_member


async def _stored(session: AsyncSession, order: Order) -> tuple[Pipeline, PipelineVersion]:
    """The pipeline that the file is, and the version with this content."""
    candidate = order.verdict.candidate
    repositories = RepositoryRepository(session)
    found = await repositories.pipeline(order.repository.id, candidate.path)
    message = _MESSAGE.format(ref=order.happening.ref, sha=order.happening.sha)[:500]
    if found is None:
        pipeline = await _created(session, order, message)
        version = await VersionRepository(session).require(pipeline.id, 1)
        return pipeline, version
    link, pipeline = found
    pipeline = await PipelineRepository(session).lock(pipeline.id)
    version_or_none = await VersionRepository(session).get_by_digest(
        pipeline.id, candidate.checked.digest
    )
    version = version_or_none or await add_version(
        session, pipeline=pipeline, by=SYSTEM, checked=candidate.checked, message=message
    )
    newest = link.last_delivery_id is None or link.last_delivery_id <= order.delivery.id
    if order.is_current and newest and candidate.problem is None:
        link.last_delivery_id = order.delivery.id
        if pipeline.current_version != version.number:
            await save_version(
                session, pipeline=pipeline, by=SYSTEM, checked=candidate.checked, message=message
            )
    return pipeline, version


async def _created(session: AsyncSession, order: Order, message: str) -> Pipeline:
    candidate, repository = order.verdict.candidate, order.repository
    slug = await _free_slug(session, repository.project_id, candidate.name)
    name = candidate.definition.name if candidate.definition is not None else None
    try:
        pipeline = await create_pipeline(
            session,
            by=SYSTEM,
            project_id=repository.project_id,
            checked=candidate.checked,
            slug=slug,
            name=name or candidate.name,
            message=message,
        )
    except PipelineSlugTaken as error:
        raise Replay from error
    link = RepositoryPipeline(
        repository_id=repository.id,
        path=candidate.path[:255],
        pipeline_id=pipeline.id,
        last_delivery_id=order.delivery.id if order.is_current else None,
    )
    await RepositoryRepository(session).save(link, conflict=RepositoryNotFound())
    return pipeline


async def _free_slug(session: AsyncSession, project_id: uuid.UUID, name: str) -> str:
    """An address that no pipeline of the project has, as near to the file's name as can be."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    stem = "-".join(words)[:90].strip("-") or "pipeline"
    wanted = [stem, *(f"{stem}-{number}" for number in range(2, _MOST_SUFFIXES))]
    taken = await RepositoryRepository(session).slugs_taken(project_id, wanted)
    return next((slug for slug in wanted if slug not in taken), f"{stem}-{new_id().hex[:8]}"[:100])
