"""Create the index ix_executions_project_id_id."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_index(
        op.f("ix_executions_project_id_id"), "executions", ["project_id", "id"], unique=False
    )
