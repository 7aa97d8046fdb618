"""Add the column pipelines.follows_runs."""

import sqlalchemy as sa
from alembic import op

revision = "0113"
down_revision = "0112"


def upgrade() -> None:
    op.add_column(
        "pipelines",
        sa.Column("follows_runs", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
