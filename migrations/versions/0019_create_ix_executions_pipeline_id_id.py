"""Create the index ix_executions_pipeline_id_id."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_index(
        op.f("ix_executions_pipeline_id_id"), "executions", ["pipeline_id", "id"], unique=False
    )
