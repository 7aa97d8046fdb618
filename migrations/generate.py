"""Write the revisions that bring the newest revision to the models: one DDL statement each.

MySQL cannot roll DDL back, so a revision that fails half-way must have no first half.

    python -m migrations.generate             the revisions that are missing
    python -m migrations.generate --anew      delete all and begin at 0001 (before a release only)
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from app.core import migrate
from app.core.db import Database
from app.core.orm import Enumerated, Id, Json, MediumBlob, MediumText, UtcDateTime
from app.core.schema_comparison import is_other_type
from app.models import Base

VERSIONS = Path(__file__).parent / "versions"
TEMPLATE = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import {types}

revision = "{revision}"
down_revision = {down_revision}


def upgrade() -> None:
    {upgrade}
'''


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Our own column types by their short names; enums as text, so that they may grow."""
    if kind != "type":
        return False
    match item:
        case Id() | UtcDateTime() | MediumText() | MediumBlob():
            return f"{type(item).__name__}()"
        case Json():
            return "MediumText()"
        case Enumerated():
            return "sa.String(length=32)"
        case _:
            return False


def statements(found: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    """The operations, one DDL statement each."""
    for operation in found.ops:
        if isinstance(operation, ops.OpContainer):
            yield from statements(operation)
        else:
            yield operation


def describe(operation: Any) -> tuple[str, str]:
    """A sentence and a file name for an operation."""
    match operation:
        case ops.CreateTableOp(table_name=table):
            return f"Create the table {table}", f"create_{table}"
        case ops.CreateIndexOp(index_name=index):
            return f"Create the index {index}", f"create_{index}"
        case _:
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__.removesuffix("Op"))
            table = operation.table_name
            return f"{name.replace('_', ' ').capitalize()} of {table}", f"{name.lower()}_{table}"


def render(operation: ops.MigrateOperation, context: AutogenContext) -> str:
    """The Python code of an operation."""
    code = render_python_code(
        ops.UpgradeOps(ops=[operation]),
        render_item=render_item,
        migration_context=context.migration_context,
    )
    return "\n".join(line for line in code.splitlines() if not line.strip().startswith("#"))


def write(connection: Connection) -> None:
    """Write the missing revisions; the database is at the newest one."""
    context = MigrationContext.configure(
        connection, opts={"target_metadata": Base.metadata, "compare_type": is_other_type}
    )
    autogen = AutogenContext(context, metadata=Base.metadata)
    found = produce_migrations(context, Base.metadata).upgrade_ops
    last = migrate.head()
    for operation in statements(found) if found else ():
        revision = f"{int(last or 0) + 1:04d}"
        message, name = describe(operation)
        upgrade = render(operation, autogen)
        code = TEMPLATE.format(
            message=message,
            types=", ".join(sorted(set(re.findall(r"\b(Id|UtcDateTime|Medium\w+)\(", upgrade)))),
            revision=revision,
            down_revision=f'"{last}"' if last else None,
            upgrade=upgrade.strip(),
        )
        code = code.replace("\nfrom app.core.orm import \n", "")
        if "sa." not in upgrade:
            code = code.replace("import sqlalchemy as sa\n", "")
        (VERSIONS / f"{revision}_{name[:60]}.py").write_text(code)
        last = revision


async def main() -> None:
    """Upgrade a scratch database to the newest revision and write what is missing."""
    if "--anew" in sys.argv:
        for path in VERSIONS.glob("*.py"):
            path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/scratch.db"
        if migrate.head():
            await migrate.upgrade(url)
        database = Database(url)
        async with database.engine.connect() as connection:
            await connection.run_sync(write)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
