"""The channels and rules of a test, and what is done about their messages."""

import json
import uuid
from typing import Any

from sqlalchemy import select

from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.core.sealing import MasterKeys, seal_into
from app.engine.states import JobStatus
from app.jobs.catalog import DeliverNotification, NotifyEnded
from app.models import (
    NotificationChannel,
    NotificationDelivery,
    NotificationRule,
    Pipeline,
    Project,
)
from app.notifications.models import ChannelKind
from app.notifications.repository.rules import RuleRepository
from app.notifications.sending import Sender
from app.notifications.service.delivering import deliver
from app.notifications.service.planning import plan_ended
from tests.executions.driver import Driver

KEYS = MasterKeys("k" * 40, (), None)
SENDER = Sender(None, allow_private=True)
SOURCE = """
on:
  workflow_dispatch:
jobs:
  build:
    runs-on: default
    steps:
      - run: make
"""


class Post:
    """The channels and rules of a test, and what is done about their messages."""

    def __init__(self, database: Database, driver: Driver, project: Project, url: str) -> None:
        self.database, self.driver, self.project, self.url = database, driver, project, url

    async def rule(self, *events: str, **fields: Any) -> uuid.UUID:
        """A rule with a channel of its own."""
        now = utcnow()
        channel = NotificationChannel(
            id=new_id(),
            project_id=self.project.id,
            name=str(new_id()),
            folded=str(new_id()),
            kind=ChannelKind.WEBHOOK,
            public={},
            is_enabled=fields.pop("channel_is_enabled", True),
            created_at=now,
            updated_at=now,
        )
        seal_into(channel, json.dumps({"url": self.url}).encode(), KEYS.to_write())
        given: dict[str, Any] = {
            "pipeline_id": None,
            "branches": [],
            "long_running_minutes": 60,
            "is_enabled": True,
            **fields,
        }
        rule = NotificationRule(
            id=new_id(),
            project_id=self.project.id,
            channel_id=channel.id,
            events=list(events),
            created_at=now,
            updated_at=now,
            **given,
        )
        async with self.database.session() as session:
            session.add(channel)
            await session.flush()
            session.add(rule)
            await session.flush()
            await RuleRepository(session).mark_project(self.project.id)
        return rule.id

    async def ended(self, execution_id: uuid.UUID) -> list[NotificationDelivery]:
        """Act on the message of an end; the deliveries of the execution."""
        for row in await self.driver.messages():
            if row.kind == NotifyEnded.wire:
                message = NotifyEnded.from_body(row.body)
                await plan_ended(
                    self.database, execution_id=message.execution_id, attempt=message.attempt
                )
        return await self.deliveries(execution_id)

    async def deliveries(self, execution_id: uuid.UUID) -> list[NotificationDelivery]:
        statement = (
            select(NotificationDelivery)
            .where(NotificationDelivery.execution_id == execution_id)
            .order_by(NotificationDelivery.id)
        )
        async with self.database.read() as session:
            return list(await session.scalars(statement))

    async def send(self, delivery: NotificationDelivery) -> NotificationDelivery:
        """Try to send; the row as it is then."""
        await deliver(
            self.database, delivery.id, keys=KEYS, sender=SENDER, base_url="https://ansflow.test/"
        )
        (row,) = [
            row for row in await self.deliveries(delivery.execution_id) if row.id == delivery.id
        ]
        return row

    async def due(self) -> list[float]:
        """In how many seconds each message to deliver is due."""
        rows = [row for row in await self.driver.messages() if row.kind == DeliverNotification.wire]
        return [(row.not_before - utcnow()).total_seconds() for row in rows]


async def run(
    driver: Driver, pipeline: Pipeline, status: JobStatus = JobStatus.FAILURE, **options: object
) -> uuid.UUID:
    """An execution that has ended."""
    execution_id = await driver.start(pipeline.id, **options)
    await driver.run(execution_id, "build", status)
    return execution_id
