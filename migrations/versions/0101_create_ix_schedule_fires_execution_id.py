"""Create the index ix_schedule_fires_execution_id."""

from alembic import op

revision = "0101"
down_revision = "0100"


def upgrade() -> None:
    op.create_index(
        op.f("ix_schedule_fires_execution_id"),
        "schedule_fires",
        ["execution_id"],
        unique=False,
    )
