"""Create the index ix_steps_execution_id."""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.create_index(op.f("ix_steps_execution_id"), "steps", ["execution_id"], unique=False)
