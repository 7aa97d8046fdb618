"""Statements about changed settings."""

from collections.abc import Sequence

from sqlalchemy import select

from app.configuration.models import ChangedSetting
from app.core.repository import Repository


class ChangedSettingRepository(Repository):
    """Settings that are not at their default: a handful of rows."""

    async def all(self) -> Sequence[ChangedSetting]:
        """All of them, also of names that this version does not know."""
        statement = select(ChangedSetting).order_by(ChangedSetting.name)
        return (await self.session.scalars(statement)).all()

    async def lock_all(self) -> Sequence[ChangedSetting]:
        """As `all`; nobody else changes them until this transaction ends."""
        statement = select(ChangedSetting).order_by(ChangedSetting.name).with_for_update()
        return (await self.session.scalars(statement)).all()
