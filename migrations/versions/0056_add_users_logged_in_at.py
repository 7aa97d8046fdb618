"""Add the column logged_in_at to users."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import UtcDateTime

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    op.add_column("users", sa.Column("logged_in_at", UtcDateTime(), nullable=True))
