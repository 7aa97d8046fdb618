"""Start, cancel and re-run."""

from fastapi import APIRouter, Response, status

from app.auth.dependencies import CurrentUser
from app.core.dependencies import DatabaseOf
from app.core.errors import Unauthenticated, Unavailable
from app.executions.dependencies import (
    CancellableExecution,
    IdempotencyOf,
    Rules,
    StartableExecution,
    StartablePipeline,
)
from app.executions.errors import (
    DefinitionIsInvalid,
    ExecutionFinished,
    ExecutionNotFound,
    ExecutionUnfinished,
    IdempotencyKeyReused,
    InputsAreInvalid,
    PipelineNotFound,
)
from app.executions.schemas import Accepted, ExecutionCreate, Rerun
from app.executions.service.cancel import cancel_execution
from app.executions.service.rerun import rerun_execution
from app.executions.service.start import Trigger, start_execution
from app.projects.errors import RoleTooLow

router = APIRouter(
    tags=["executions"],
    responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc(), 503: Unavailable.doc()},
)


@router.post(
    "/pipelines/{pipeline_id}/executions",
    status_code=status.HTTP_202_ACCEPTED,
    responses={
        404: PipelineNotFound.doc(),
        409: IdempotencyKeyReused.doc(),
        422: DefinitionIsInvalid.doc(),
    },
)
async def start(
    pipeline_id: StartablePipeline,
    principal: CurrentUser,
    body: ExecutionCreate,
    idempotency: IdempotencyOf,
    database: DatabaseOf,
    rules: Rules,
    response: Response,
) -> Accepted:
    """Start an execution: accepted now, runs when a worker is free."""
    trigger = Trigger(
        pipeline_id=pipeline_id,
        version=body.version,
        ref=body.ref,
        sha=body.sha,
        inputs=body.inputs,
        user_id=principal.id,
        actor=principal.name,
        idempotency_key=idempotency.key,
        digest=idempotency.digest,
        by=principal,
    )
    started = await start_execution(database, trigger, server_url=rules.server_url)
    response.headers["Location"] = f"/api/v1/executions/{started.execution_id}"
    return Accepted(id=started.execution_id, number=started.number, attempt=1)


@router.post(
    "/executions/{execution_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    responses={404: ExecutionNotFound.doc(), 409: ExecutionFinished.doc()},
)
async def cancel(
    execution_id: CancellableExecution, principal: CurrentUser, database: DatabaseOf, rules: Rules
) -> None:
    """Cancel; a second call kills at once what is still cleaning up."""
    await cancel_execution(
        database,
        execution_id=execution_id,
        by=principal.name,
        max_worker_lost=rules.max_worker_lost,
        principal=principal,
    )


@router.post(
    "/executions/{execution_id}/rerun",
    status_code=status.HTTP_202_ACCEPTED,
    responses={
        404: ExecutionNotFound.doc(),
        409: ExecutionUnfinished.doc(),
        422: InputsAreInvalid.doc(),
    },
)
async def rerun(
    execution_id: StartableExecution,
    principal: CurrentUser,
    body: Rerun,
    database: DatabaseOf,
    rules: Rules,
    response: Response,
) -> Accepted:
    """Run jobs of an ended execution again, as its next attempt; all of them with other inputs."""
    started = await rerun_execution(
        database,
        execution_id=execution_id,
        what=body.jobs,
        job_key=body.key,
        inputs=body.inputs,
        max_worker_lost=rules.max_worker_lost,
        by=principal,
    )
    response.headers["Location"] = f"/api/v1/executions/{execution_id}"
    return Accepted(id=execution_id, number=started.number, attempt=started.attempt)
