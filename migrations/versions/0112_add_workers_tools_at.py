"""Add the column workers.tools_at."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import UtcDateTime

revision = "0112"
down_revision = "0111"


def upgrade() -> None:
    op.add_column("workers", sa.Column("tools_at", UtcDateTime(), nullable=True))
