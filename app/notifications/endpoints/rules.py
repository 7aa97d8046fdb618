"""Which events go to which channel."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.notifications.dependencies import RuleId
from app.notifications.errors import RuleNamesUnknown, RuleNotFound, TooManyChannels
from app.notifications.repository.rules import RuleRepository
from app.notifications.schemas import RuleCreate, RuleRead, RuleUpdate
from app.notifications.service.rules import create_rule, delete_rule, update_rule
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/notification-rules",
    tags=["notifications"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: RuleNotFound.doc()}
WRITING: dict[int | str, dict[str, Any]] = {
    409: TooManyChannels.doc(),
    422: RuleNamesUnknown.doc(),
}


@router.get("")
async def list_rules(
    access: Annotated[Access, reads(Action.NOTIFICATION_READ)],
    session: ReadSession,
    paging: Paging,
) -> Page[RuleRead]:
    """The notification rules of a project, newest first."""
    found = await RuleRepository(session).list(access.project.id, paging)
    return Page[RuleRead].model_validate(found)


@router.post("", status_code=status.HTTP_201_CREATED, responses=WRITING)
async def create(
    access: Annotated[Access, writes(Action.NOTIFICATION_WRITE)],
    body: RuleCreate,
    session: Session,
) -> RuleRead:
    """Make a rule: from now on these events go to its channel."""
    return RuleRead.model_validate(await create_rule(session, access=access, fields=dict(body)))


@router.get("/{rule_id}", responses=NOT_FOUND)
async def get(
    access: Annotated[Access, reads(Action.NOTIFICATION_READ)],
    rule_id: RuleId,
    session: ReadSession,
) -> RuleRead:
    """One rule."""
    found = await RuleRepository(session).require(access.project.id, rule_id)
    return RuleRead.model_validate(found)


@router.patch("/{rule_id}", responses={**NOT_FOUND, **WRITING})
async def update(
    access: Annotated[Access, writes(Action.NOTIFICATION_WRITE)],
    rule_id: RuleId,
    body: RuleUpdate,
    session: Session,
) -> RuleRead:
    """Change a rule; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    changed = await update_rule(session, access=access, rule_id=rule_id, changes=changes)
    return RuleRead.model_validate(changed)


@router.delete("/{rule_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(
    access: Annotated[Access, writes(Action.NOTIFICATION_WRITE)],
    rule_id: RuleId,
    session: Session,
) -> None:
    """Delete a rule with what is known of its deliveries."""
    await delete_rule(session, access=access, rule_id=rule_id)
