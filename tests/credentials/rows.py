"""What belongs to an environment, as rows."""

import uuid

from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.credentials.models import Environment


async def add_environment(
    database: Database, project_id: uuid.UUID, name: str = "production", **fields: object
) -> Environment:
    """An environment without protection unless `fields` give it one."""
    now = utcnow()
    environment = Environment(
        **{
            "id": new_id(),
            "project_id": project_id,
            "name": name,
            "folded": name.casefold(),
            "approver_ids": [],
            "approver_role": None,
            "allowed_branches": [],
            "created_at": now,
            "updated_at": now,
            **fields,
        }
    )
    async with database.session() as session:
        session.add(environment)
    return environment
