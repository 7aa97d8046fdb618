"""Results of tests: of an execution, and of one test over time."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.artifacts.answers import history_answer, report_answer
from app.artifacts.dependencies import ReadExecution
from app.artifacts.errors import TestNotFound
from app.artifacts.schemas import TestHistoryRead, TestReportRead
from app.artifacts.service.reports import history_of, report_of
from app.artifacts.states import TestStatus
from app.core.dependencies import ReadSession
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.executions.errors import ExecutionNotFound
from app.pipelines.dependencies import reads_pipeline
from app.pipelines.service.access import PipelineAccess
from app.projects.errors import RoleTooLow
from app.projects.rights import Action

router = APIRouter(tags=["tests"], responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc()})


@router.get("/executions/{execution_id}/tests", responses={404: ExecutionNotFound.doc()})
async def list_tests(
    execution: ReadExecution,
    session: ReadSession,
    page: Paging,
    status: Annotated[
        list[TestStatus] | None, Query(description="Only what ended in one of these ways")
    ] = None,
    job_id: Annotated[uuid.UUID | None, Query(description="Only of this job")] = None,
) -> TestReportRead:
    """The tests of an execution, what failed first, compared with earlier executions."""
    report = await report_of(session, execution, page=page, statuses=status or (), job_id=job_id)
    return report_answer(report)


@router.get("/pipelines/{pipeline_id}/tests/{test}", responses={404: TestNotFound.doc()})
async def history_over_time(
    access: Annotated[PipelineAccess, reads_pipeline(Action.ARTIFACT_READ)],
    session: ReadSession,
    page: Paging,
    test: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="`test` of a result")],
    ref: Annotated[str | None, Query(max_length=500, description="Only of this full ref")] = None,
) -> TestHistoryRead:
    """How one test ended in the executions of a pipeline, the newest first."""
    identity = bytes.fromhex(test)
    return history_answer(
        await history_of(session, access.pipeline.id, identity, page=page, ref=ref)
    )
