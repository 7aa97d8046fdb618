"""Requests for approval with their votes, for the API."""

import uuid
from collections import defaultdict
from collections.abc import Sequence

from app.approvals.models import ApprovalState, ApprovalVote
from app.approvals.repository.asked import Asked
from app.approvals.repository.requests import ApprovalRepository
from app.approvals.schemas import ApprovalRead, VoteRead
from app.auth.principals import Principal
from app.core.db import ReadSession
from app.core.pagination import PageParams
from app.core.schemas import Page
from app.executions.repository.reading import ExecutionRepository


async def approval(
    session: ReadSession, *, principal: Principal, request_id: uuid.UUID
) -> ApprovalRead:
    """One request: 2 statements.

    Raises: ApprovalNotFound.
    """
    asked = await ApprovalRepository(session).require(principal, request_id)
    return (await _with_votes(session, [asked]))[0]


async def approvals_of_execution(
    session: ReadSession, *, principal: Principal, execution_id: uuid.UUID
) -> list[ApprovalRead]:
    """All requests of an execution, of all attempts, oldest first: 3 statements.

    Raises: ExecutionNotFound.
    """
    await ExecutionRepository(session).visible_to(principal).require(execution_id)
    asked = await ApprovalRepository(session).of_execution(principal, execution_id)
    return await _with_votes(session, asked)


async def approvals_waiting_for(
    session: ReadSession, *, principal: Principal, page: PageParams
) -> Page[ApprovalRead]:
    """What waits for the vote of this person, newest first: 2 statements."""
    asked, following = await ApprovalRepository(session).waiting_for(principal, page)
    return Page(items=await _with_votes(session, asked), next=following)


async def _with_votes(session: ReadSession, asked: Sequence[Asked]) -> list[ApprovalRead]:
    votes: dict[uuid.UUID, list[ApprovalVote]] = defaultdict(list)
    ids = [one.request.id for one in asked]
    for vote in await ApprovalRepository(session).votes(ids):
        votes[vote.request_id].append(vote)
    return [_shown(one, votes[one.request.id]) for one in asked]


def _shown(asked: Asked, votes: Sequence[ApprovalVote]) -> ApprovalRead:
    request = asked.request
    return ApprovalRead(
        id=request.id,
        kind="fork" if request.job_id is None else "environment",
        project_id=request.project_id,
        execution_id=request.execution_id,
        number=asked.number,
        title=asked.title,
        actor=asked.actor,
        sha=asked.sha,
        job_id=request.job_id,
        job_key=asked.key,
        job_name=asked.name,
        attempt=request.attempt,
        environment=request.environment,
        state=ApprovalState(asked.state),
        reason=request.reason,
        required=request.required,
        votes=[VoteRead.model_validate(vote) for vote in votes],
        wait_until=request.wait_until,
        expires_at=request.expires_at,
        created_at=request.created_at,
        decided_at=request.decided_at,
    )
