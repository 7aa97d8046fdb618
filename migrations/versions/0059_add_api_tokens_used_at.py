"""Add the column used_at to api_tokens."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import UtcDateTime

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("used_at", UtcDateTime(), nullable=True))
