"""What waits for approval, and votes."""

import uuid

from fastapi import APIRouter

from app.approvals.dependencies import VotableRequest
from app.approvals.errors import AlreadyVoted, ApprovalNotFound, NotAnApprover
from app.approvals.schemas import ApprovalRead, VoteCreate
from app.approvals.service.reading import (
    approval,
    approvals_of_execution,
    approvals_waiting_for,
)
from app.approvals.service.voting import vote
from app.auth.dependencies import Caller, CurrentUser
from app.auth.errors import InsufficientScope
from app.configuration.dependencies import GlobalSettingsOf
from app.core.dependencies import DatabaseOf, ReadSession
from app.core.errors import Unauthenticated, Unavailable
from app.core.pagination import Paging
from app.core.schemas import Page
from app.executions.dependencies import Rules
from app.executions.errors import ExecutionNotFound

router = APIRouter(
    tags=["approvals"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        503: Unavailable.doc(),
    },
)


@router.get("/executions/{execution_id}/approvals", responses={404: ExecutionNotFound.doc()})
async def of_execution(
    execution_id: uuid.UUID, principal: Caller, session: ReadSession
) -> list[ApprovalRead]:
    """The approvals that the jobs of an execution asked for, of all attempts, oldest first."""
    return await approvals_of_execution(session, principal=principal, execution_id=execution_id)


@router.get("/approvals")
async def waiting_for_me(
    principal: CurrentUser, session: ReadSession, page: Paging
) -> Page[ApprovalRead]:
    """What waits for the vote of the caller, newest first."""
    return await approvals_waiting_for(session, principal=principal, page=page)


@router.post(
    "/approvals/{approval_id}/vote",
    responses={
        403: NotAnApprover.doc(),
        404: ApprovalNotFound.doc(),
        409: AlreadyVoted.doc(),
    },
)
async def vote_on(
    approval_id: VotableRequest,
    principal: CurrentUser,
    body: VoteCreate,
    database: DatabaseOf,
    rules: Rules,
    chosen: GlobalSettingsOf,
) -> ApprovalRead:
    """Approve or reject, once per person: a rejection ends the job as failed, or cancels the
    execution that waits as a whole."""
    await vote(
        database,
        request_id=approval_id,
        principal=principal,
        decision=body.decision,
        comment=body.comment,
        max_worker_lost=rules.max_worker_lost,
        expires_after=chosen.approval_expiry,
    )
    async with database.read() as reading:
        return await approval(reading, principal=principal, request_id=approval_id)
