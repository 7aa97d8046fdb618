"""Statements over the audit trail."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, insert, select

from app.audit.filters import Wanted
from app.audit.models import AuditEntry
from app.core.clock import first_id_at
from app.core.orm import table_of
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository

_EPOCH = datetime.fromtimestamp(0, UTC)


class AuditRepository(Repository):
    """The audit trail: it is only added to."""

    async def add(self, **fields: Any) -> None:
        """Write one entry."""
        await self.session.execute(insert(table_of(AuditEntry)).values(**fields))

    async def list(self, wanted: Wanted, params: PageParams) -> Slice[AuditEntry]:
        """One page, newest first."""
        return await self.page(_matching(wanted), AuditEntry.id, params)


def _matching(wanted: Wanted) -> Select[AuditEntry]:
    statement = select(AuditEntry)
    for column, value in (
        (AuditEntry.user_id, wanted.user_id),
        (AuditEntry.action, wanted.action),
        (AuditEntry.kind, wanted.kind),
        (AuditEntry.target_id, wanted.target_id),
        (AuditEntry.project_id, wanted.project_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.since is not None:
        statement = statement.where(AuditEntry.id >= first_id_at(max(wanted.since, _EPOCH)))
    if wanted.until is not None:
        statement = statement.where(AuditEntry.id < first_id_at(max(wanted.until, _EPOCH)))
    return statement
