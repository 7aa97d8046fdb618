"""Guards of the execution endpoints: 404 for what one may not know, 403 for what one may not do."""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection, Request

from app.auth.dependencies import Caller
from app.auth.principals import Principal
from app.core.dependencies import DatabaseOf, database_of
from app.executions.repository.reading import ExecutionRepository
from app.pipelines.dependencies import PipelineId
from app.pipelines.service.access import PipelineAccess, pipeline_access
from app.projects.dependencies import ProjectReference, guard
from app.projects.rights import Action
from app.projects.service.access import Access, access
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineRules:
    """What the engine takes from the settings."""

    server_url: str
    max_worker_lost: int


def engine_rules(connection: HTTPConnection) -> EngineRules:
    """The rules of this application."""
    settings: Settings = connection.app.state.runtime.settings
    url = settings.server.base_url or f"http://{settings.server.host}:{settings.server.port}"
    return EngineRules(url.rstrip("/"), settings.worker.max_worker_lost)


Rules = Annotated[EngineRules, Depends(engine_rules)]


async def startable_pipeline(
    pipeline_id: uuid.UUID, principal: Caller, database: DatabaseOf
) -> uuid.UUID:
    """A pipeline that the caller may start."""
    async with database.read() as session:
        await pipeline_access(
            session, principal, pipeline_id=pipeline_id, action=Action.EXECUTION_START
        )
    return pipeline_id


async def _execution_for(
    connection: HTTPConnection, principal: Principal, execution_id: uuid.UUID, action: Action
) -> uuid.UUID:
    async with database_of(connection).read() as session:
        repository = ExecutionRepository(session).visible_to(principal)
        execution = await repository.require(execution_id)
        await access(session, principal, project=execution.project_id, action=action)
    return execution_id


async def startable_execution(
    execution_id: uuid.UUID, principal: Caller, connection: HTTPConnection
) -> uuid.UUID:
    """An execution that the caller may run again."""
    return await _execution_for(connection, principal, execution_id, Action.EXECUTION_START)


async def cancellable_execution(
    execution_id: uuid.UUID, principal: Caller, connection: HTTPConnection
) -> uuid.UUID:
    """An execution that the caller may cancel."""
    return await _execution_for(connection, principal, execution_id, Action.EXECUTION_CANCEL)


async def analysed_project(
    project: ProjectReference, principal: Caller, database: DatabaseOf
) -> Access:
    """A project whose executions the caller may see; no transaction stays open."""
    async with database.read() as session:
        return await access(session, principal, project=project, action=Action.EXECUTION_READ)


async def analysed_pipeline(
    pipeline_id: PipelineId, principal: Caller, database: DatabaseOf
) -> PipelineAccess:
    """A pipeline whose executions the caller may see; no transaction stays open."""
    async with database.read() as session:
        return await pipeline_access(
            session, principal, pipeline_id=pipeline_id, action=Action.EXECUTION_READ
        )


StartablePipeline = Annotated[uuid.UUID, guard(startable_pipeline, Action.EXECUTION_START)]
StartableExecution = Annotated[uuid.UUID, guard(startable_execution, Action.EXECUTION_START)]
AnalysedProject = Annotated[Access, guard(analysed_project, Action.EXECUTION_READ)]
AnalysedPipeline = Annotated[PipelineAccess, guard(analysed_pipeline, Action.EXECUTION_READ)]
CancellableExecution = Annotated[uuid.UUID, guard(cancellable_execution, Action.EXECUTION_CANCEL)]


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key with a digest of the whole request."""

    key: str | None
    digest: str | None


async def idempotency(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="The same key with the same request answers the same execution for 24 h",
        ),
    ] = None,
) -> Idempotency:
    """The key of this request, if it has one."""
    if key is None:
        return Idempotency(None, None)
    body = await request.body()
    digest = hashlib.sha256(request.url.path.encode() + b"\0" + body).hexdigest()
    return Idempotency(key, digest)


IdempotencyOf = Annotated[Idempotency, Depends(idempotency)]
