"""Channels and rules of projects."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import exists, func, select, update

from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.notifications.errors import ChannelNotFound, RuleNotFound
from app.notifications.models import NotificationChannel, NotificationRule
from app.pipelines.models import Pipeline
from app.projects.models import Project


class ChannelRepository(Repository):
    """Channels of one project."""

    async def list(self, project_id: uuid.UUID, params: PageParams) -> Slice[NotificationChannel]:
        """Newest first."""
        statement = select(NotificationChannel).where(NotificationChannel.project_id == project_id)
        return await self.page(statement, NotificationChannel.id, params)

    async def require(
        self, project_id: uuid.UUID, channel_id: uuid.UUID, *, lock: bool = False
    ) -> NotificationChannel:
        """Raises: ChannelNotFound."""
        statement = select(NotificationChannel).where(
            NotificationChannel.project_id == project_id, NotificationChannel.id == channel_id
        )
        found = await self.session.scalar(statement.with_for_update() if lock else statement)
        if found is None:
            raise ChannelNotFound
        return found

    async def exists(self, project_id: uuid.UUID, channel_id: uuid.UUID) -> bool:
        """Whether the project has this channel."""
        statement = select(NotificationChannel.id).where(
            NotificationChannel.project_id == project_id, NotificationChannel.id == channel_id
        )
        return await self.session.scalar(statement) is not None

    async def count(self, project_id: uuid.UUID) -> int:
        """How many there are."""
        statement = select(func.count()).where(NotificationChannel.project_id == project_id)
        return await self.session.scalar(statement) or 0


class Wanting(NamedTuple):
    """A rule that is on, with its channel, which is on too."""

    rule: NotificationRule
    channel: NotificationChannel


class RuleRepository(Repository):
    """Rules of one project."""

    async def list(self, project_id: uuid.UUID, params: PageParams) -> Slice[NotificationRule]:
        """Newest first."""
        statement = select(NotificationRule).where(NotificationRule.project_id == project_id)
        return await self.page(statement, NotificationRule.id, params)

    async def require(
        self, project_id: uuid.UUID, rule_id: uuid.UUID, *, lock: bool = False
    ) -> NotificationRule:
        """Raises: RuleNotFound."""
        statement = select(NotificationRule).where(
            NotificationRule.project_id == project_id, NotificationRule.id == rule_id
        )
        found = await self.session.scalar(statement.with_for_update() if lock else statement)
        if found is None:
            raise RuleNotFound
        return found

    async def count(self, project_id: uuid.UUID) -> int:
        """How many there are."""
        statement = select(func.count()).where(NotificationRule.project_id == project_id)
        return await self.session.scalar(statement) or 0

    async def has_pipeline(self, project_id: uuid.UUID, pipeline_id: uuid.UUID) -> bool:
        """Whether a pipeline is one of the project."""
        statement = select(Pipeline.id).where(
            Pipeline.id == pipeline_id, Pipeline.project_id == project_id
        )
        return await self.session.scalar(statement) is not None

    async def wanting(self, project_id: uuid.UUID) -> Sequence[Wanting]:
        """All rules of the project that are on, in order of their making."""
        statement = (
            select(NotificationRule, NotificationChannel)
            .join(NotificationChannel, NotificationChannel.id == NotificationRule.channel_id)
            .where(
                NotificationRule.project_id == project_id,
                NotificationRule.is_enabled,
                NotificationChannel.is_enabled,
            )
            .order_by(NotificationRule.id)
        )
        return [Wanting(*row) for row in await self.session.execute(statement)]

    async def mark_project(self, project_id: uuid.UUID) -> None:
        """Have the engine tell of the project's executions as long as there is a rule."""
        wanted = exists().where(NotificationRule.project_id == project_id)
        await self.session.execute(
            update(Project)
            .where(Project.id == project_id)
            .values(notifies=wanted)
            .execution_options(synchronize_session=False)
        )
