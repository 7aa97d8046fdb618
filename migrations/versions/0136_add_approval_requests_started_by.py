"""Add the column approval_requests.started_by."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Json

revision = "0136"
down_revision = "0135"


def upgrade() -> None:
    op.add_column("approval_requests", sa.Column("started_by", Json(), nullable=True))
