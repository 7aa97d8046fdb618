"""Create the index ix_executions_pipeline_id_status_id."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index(
        op.f("ix_executions_pipeline_id_status_id"),
        "executions",
        ["pipeline_id", "status", "id"],
        unique=False,
    )
