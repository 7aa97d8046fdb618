"""What endpoints of this module depend on."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path

from app.auth.dependencies import Caller, SettingsOf
from app.core.dependencies import DatabaseOf
from app.notifications.configuration import base_url, sender_of
from app.notifications.models import NotificationChannel
from app.notifications.repository.rules import ChannelRepository
from app.notifications.sending import Sender
from app.projects.dependencies import ProjectReference, guard
from app.projects.rights import Action
from app.projects.service.access import Access, access

ChannelId = Annotated[uuid.UUID, Path(description="Id of a channel of the project")]
RuleId = Annotated[uuid.UUID, Path(description="Id of a notification rule of the project")]


@dataclass(frozen=True, slots=True)
class Tested:
    """A channel that is tested, and who may; no transaction stays open."""

    access: Access
    channel: NotificationChannel


async def tested_channel(
    project: ProjectReference, channel_id: ChannelId, principal: Caller, database: DatabaseOf
) -> Tested:
    """The channel in the path, when the caller may write it."""
    async with database.read() as session:
        allowed = await access(
            session, principal, project=project, action=Action.NOTIFICATION_WRITE
        )
        channel = await ChannelRepository(session).require(allowed.project.id, channel_id)
    return Tested(allowed, channel)


@dataclass(frozen=True, slots=True)
class Post:
    """How notifications leave, and where their links lead."""

    sender: Sender
    base_url: str


def post_of(settings: SettingsOf) -> Post:
    """The post office of this application."""
    return Post(sender_of(settings), base_url(settings))


TestedChannel = Annotated[Tested, guard(tested_channel, Action.NOTIFICATION_WRITE)]
PostOf = Annotated[Post, Depends(post_of)]
