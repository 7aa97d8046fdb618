"""Add the column environments.approval_hours."""

import sqlalchemy as sa
from alembic import op

revision = "0153"
down_revision = "0152"


def upgrade() -> None:
    op.add_column("environments", sa.Column("approval_hours", sa.Integer(), nullable=True))
