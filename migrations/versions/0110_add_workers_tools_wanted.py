"""Add the column workers.tools_wanted."""

import sqlalchemy as sa
from alembic import op

revision = "0110"
down_revision = "0109"


def upgrade() -> None:
    op.add_column(
        "workers",
        sa.Column("tools_wanted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
