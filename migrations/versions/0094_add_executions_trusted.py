"""Add the column trusted to executions: all that ran before were."""

import sqlalchemy as sa
from alembic import op

revision = "0094"
down_revision = "0093"


def upgrade() -> None:
    op.add_column(
        "executions",
        sa.Column("trusted", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
