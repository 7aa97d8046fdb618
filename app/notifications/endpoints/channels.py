"""Where notifications of a project go."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import DatabaseOf, ReadSession, Session
from app.core.errors import Unauthenticated, Unavailable
from app.core.pagination import Paging
from app.core.schemas import Page
from app.credentials.dependencies import Keys
from app.notifications.dependencies import ChannelId, PostOf, TestedChannel
from app.notifications.errors import ChannelIsIncomplete, ChannelNameTaken, ChannelNotFound
from app.notifications.repository.rules import ChannelRepository
from app.notifications.schemas import ChannelCreate, ChannelRead, ChannelUpdate, TestResult
from app.notifications.service.channels import create_channel, delete_channel, update_channel
from app.notifications.service.testing import send_test
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/channels",
    tags=["notifications"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: ChannelNotFound.doc()}
WRITING: dict[int | str, dict[str, Any]] = {
    409: ChannelNameTaken.doc(),
    422: ChannelIsIncomplete.doc(),
    503: Unavailable.doc(),
}


@router.get("")
async def list_channels(
    access: Annotated[Access, reads(Action.NOTIFICATION_READ)],
    session: ReadSession,
    paging: Paging,
) -> Page[ChannelRead]:
    """The channels of a project, newest first."""
    found = await ChannelRepository(session).list(access.project.id, paging)
    return Page(items=[ChannelRead.of(channel) for channel in found.items], next=found.next)


@router.post("", status_code=status.HTTP_201_CREATED, responses=WRITING)
async def create(
    access: Annotated[Access, writes(Action.NOTIFICATION_WRITE)],
    body: ChannelCreate,
    session: Session,
    keys: Keys,
) -> ChannelRead:
    """Make a channel. Its URL and key are encrypted, and never shown again."""
    return ChannelRead.of(await create_channel(session, keys, access=access, fields=dict(body)))


@router.get("/{channel_id}", responses=NOT_FOUND)
async def get(
    access: Annotated[Access, reads(Action.NOTIFICATION_READ)],
    channel_id: ChannelId,
    session: ReadSession,
) -> ChannelRead:
    """One channel."""
    return ChannelRead.of(await ChannelRepository(session).require(access.project.id, channel_id))


@router.patch("/{channel_id}", responses={**NOT_FOUND, **WRITING})
async def update(
    access: Annotated[Access, writes(Action.NOTIFICATION_WRITE)],
    channel_id: ChannelId,
    body: ChannelUpdate,
    session: Session,
    keys: Keys,
) -> ChannelRead:
    """Change a channel; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    changed = await update_channel(
        session, keys, access=access, channel_id=channel_id, changes=changes
    )
    return ChannelRead.of(changed)


@router.delete("/{channel_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(
    access: Annotated[Access, writes(Action.NOTIFICATION_WRITE)],
    channel_id: ChannelId,
    session: Session,
) -> None:
    """Delete a channel with its rules."""
    await delete_channel(session, access=access, channel_id=channel_id)


@router.post("/{channel_id}/test", responses={**NOT_FOUND, 503: Unavailable.doc()})
async def test(tested: TestedChannel, database: DatabaseOf, keys: Keys, post: PostOf) -> TestResult:
    """Really send a notification, now, and answer what the other side said."""
    outcome = await send_test(
        database,
        access=tested.access,
        channel=tested.channel,
        keys=keys,
        sender=post.sender,
        base_url=post.base_url,
    )
    return TestResult.model_validate(outcome)
