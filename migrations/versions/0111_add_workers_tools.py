"""Add the column workers.tools."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Json

revision = "0111"
down_revision = "0110"


def upgrade() -> None:
    op.add_column("workers", sa.Column("tools", Json(), nullable=True))
