"""Guards of the approval endpoints: 404 for what one may not know."""

import uuid
from typing import Annotated

from app.approvals.repository.requests import ApprovalRepository
from app.auth.dependencies import CurrentUser
from app.core.dependencies import DatabaseOf
from app.projects.dependencies import guard
from app.projects.rights import Action
from app.projects.service.access import access


async def votable_request(
    approval_id: uuid.UUID, principal: CurrentUser, database: DatabaseOf
) -> uuid.UUID:
    """A request in a project that the caller may see; whether the vote counts, its rules say."""
    async with database.read() as session:
        asked = await ApprovalRepository(session).require(principal, approval_id)
        project_id = asked.request.project_id
        await access(session, principal, project=project_id, action=Action.APPROVAL_VOTE)
    return approval_id


VotableRequest = Annotated[uuid.UUID, guard(votable_request, Action.APPROVAL_VOTE)]
