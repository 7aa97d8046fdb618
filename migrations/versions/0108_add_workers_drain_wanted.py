"""Add the column workers.drain_wanted."""

import sqlalchemy as sa
from alembic import op

revision = "0108"
down_revision = "0107"


def upgrade() -> None:
    op.add_column(
        "workers",
        sa.Column("drain_wanted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
