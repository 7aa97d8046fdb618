"""A channel and a rule, for tests that need one of everything."""

import json
import uuid
from collections.abc import Sequence

from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.core.sealing import MasterKeys, seal_into
from app.notifications.models import ChannelKind, NotificationChannel, NotificationRule


async def add_rule(
    database: Database, project_id: uuid.UUID, *, events: Sequence[str] = ("failed",)
) -> tuple[uuid.UUID, uuid.UUID]:
    """The ids of a channel and of a rule that sends these events there."""
    now = utcnow()
    channel = NotificationChannel(
        id=new_id(),
        project_id=project_id,
        name="chat",
        folded="chat",
        kind=ChannelKind.WEBHOOK,
        public={"host": "127.0.0.1"},
        is_enabled=True,
        created_at=now,
        updated_at=now,
    )
    url = json.dumps({"url": "http://127.0.0.1:1/"})
    seal_into(channel, url.encode(), MasterKeys("k" * 40, (), None).to_write())
    rule = NotificationRule(
        id=new_id(),
        project_id=project_id,
        channel_id=channel.id,
        events=list(events),
        branches=[],
        long_running_minutes=60,
        is_enabled=True,
        created_at=now,
        updated_at=now,
    )
    async with database.session() as session:
        session.add(channel)
        await session.flush()
        session.add(rule)
    return channel.id, rule.id
