"""Add the column project_role to users."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    op.add_column("users", sa.Column("project_role", sa.String(length=32), nullable=True))
