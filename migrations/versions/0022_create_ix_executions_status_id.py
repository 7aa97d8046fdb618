"""Create the index ix_executions_status_id."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_index(op.f("ix_executions_status_id"), "executions", ["status", "id"], unique=False)
