"""Statements over the audit trail."""

from typing import Any

from sqlalchemy import insert

from app.audit.models import AuditEntry
from app.core.orm import table_of
from app.core.repository import Repository


class AuditRepository(Repository):
    """The audit trail: it is only added to."""

    async def add(self, **fields: Any) -> None:
        """Write one entry."""
        await self.session.execute(insert(table_of(AuditEntry)).values(**fields))
