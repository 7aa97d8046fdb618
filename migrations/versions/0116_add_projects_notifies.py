"""Add the column projects.notifies."""

import sqlalchemy as sa
from alembic import op

revision = "0116"
down_revision = "0115"


def upgrade() -> None:
    op.add_column(
        "projects",
        sa.Column("notifies", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
