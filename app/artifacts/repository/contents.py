"""Contents of the store: written down before, freed after."""

import uuid
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, insert, select, update

from app.artifacts.models import Artifact, CacheEntry, StoredContent
from app.core.clock import db_now
from app.core.repository import Repository


class ContentRepository(Repository):
    """The rows that say what is in the store."""

    async def add(self, id_: uuid.UUID, *, lifetime_s: float) -> None:
        """A content comes; without an artifact or cache it may go after `lifetime_s` seconds."""
        await self.session.execute(
            insert(StoredContent).values(id=id_, unused_after=db_now(lifetime_s))
        )

    async def free(self, ids: Sequence[uuid.UUID]) -> None:
        """Nobody names these contents any more: the next clean-up removes them."""
        if ids:
            await self.session.execute(
                update(StoredContent)
                .where(StoredContent.id.in_(ids))
                .values(unused_after=db_now())
                .execution_options(synchronize_session=False)
            )

    async def unused(self, limit: int) -> Sequence[uuid.UUID]:
        """Contents whose time is over and that nothing names."""
        statement = (
            select(StoredContent.id)
            .where(
                StoredContent.unused_after <= db_now(),
                ~exists().where(Artifact.content_id == StoredContent.id),
                ~exists().where(CacheEntry.content_id == StoredContent.id),
            )
            .order_by(StoredContent.unused_after)
            .limit(limit)
        )
        return (await self.session.scalars(statement)).all()

    async def forget(self, id_: uuid.UUID) -> bool:
        """The content is no longer in the store; False: the row was gone already."""
        result = await self.session.execute(
            delete(StoredContent)
            .where(StoredContent.id == id_)
            .execution_options(synchronize_session=False)
        )
        return cast(CursorResult[Any], result).rowcount == 1
