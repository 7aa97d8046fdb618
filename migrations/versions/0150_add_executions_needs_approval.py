"""Add the column needs_approval to executions: none that is there waits for one."""

import sqlalchemy as sa
from alembic import op

revision = "0150"
down_revision = "0160"


def upgrade() -> None:
    op.add_column(
        "executions",
        sa.Column("needs_approval", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
