"""Add the column repository_id to executions."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0093"
down_revision = "0092"


def upgrade() -> None:
    op.add_column("executions", sa.Column("repository_id", Id(), nullable=True))
