"""The audit trail as a file, written while it is read, in pages that need little memory."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Sequence

from app.audit.filters import Wanted
from app.audit.models import AuditEntry
from app.audit.repository import AuditRepository
from app.audit.schemas import AuditEntryRead, ExportFormat
from app.core.db import Database
from app.core.pagination import PageParams

AT_ONCE = 500
_COLUMNS = tuple(AuditEntryRead.model_fields)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


async def export(database: Database, wanted: Wanted, form: ExportFormat) -> AsyncIterator[bytes]:
    """The entries, newest first. No transaction is open while the caller reads slowly."""
    written = _csv if form is ExportFormat.CSV else _json_lines
    if form is ExportFormat.CSV:
        yield _rows([_COLUMNS])
    async for entries in _pages(database, wanted):
        yield written(entries)


async def _pages(database: Database, wanted: Wanted) -> AsyncIterator[Sequence[AuditEntry]]:
    params = PageParams(limit=AT_ONCE)
    while True:
        async with database.read() as session:
            found = await AuditRepository(session).list(wanted, params)
        if found.items:
            yield found.items
        if found.next is None:
            return
        params = PageParams(found.items[-1].id, AT_ONCE)


def _json_lines(entries: Sequence[AuditEntry]) -> bytes:
    lines = (AuditEntryRead.model_validate(entry).model_dump_json() for entry in entries)
    return "".join(f"{line}\n" for line in lines).encode()


def _csv(entries: Sequence[AuditEntry]) -> bytes:
    return _rows(_cells(AuditEntryRead.model_validate(entry)) for entry in entries)


def _rows(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(entry: AuditEntryRead) -> list[str]:
    return [_cell(value) for value in entry.model_dump(mode="json").values()]


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A spreadsheet would calculate what somebody has named `=HYPERLINK(…)`.
    return f"'{text}" if text.startswith(_FORMULA) else text
