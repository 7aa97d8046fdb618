"""How the models are compared with a database."""

from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import BINARY, Column
from sqlalchemy.types import TypeEngine

from app.core.orm import Id


def is_other_type(
    context: MigrationContext,
    _inspected_column: Column[Any],
    _metadata_column: Column[Any],
    _inspected_type: TypeEngine[Any],
    metadata_type: TypeEngine[Any],
) -> bool | None:
    """Alembic's `compare_type`: False where nothing differs, None to let Alembic decide.

    SQLite has no BINARY and reports such a column as NUMERIC.
    """
    if context.dialect.name == "sqlite" and isinstance(metadata_type, (Id, BINARY)):
        return False
    return None
