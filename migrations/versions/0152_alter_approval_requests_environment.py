"""Requests for approval of whole executions have no environment."""

import sqlalchemy as sa
from alembic import op

revision = "0152"
down_revision = "0151"


def upgrade() -> None:
    with op.batch_alter_table("approval_requests") as batch:
        batch.alter_column("environment", existing_type=sa.String(255), nullable=True)
