"""Add the column executions.rerun_by."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0128"
down_revision = "0127"


def upgrade() -> None:
    op.add_column("executions", sa.Column("rerun_by", Id(), nullable=True))
