"""Add the column project_id to users."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    op.add_column("users", sa.Column("project_id", Id(), nullable=True))
