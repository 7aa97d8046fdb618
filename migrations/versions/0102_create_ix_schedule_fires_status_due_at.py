"""Create the index ix_schedule_fires_status_due_at."""

from alembic import op

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.create_index(
        op.f("ix_schedule_fires_status_due_at"),
        "schedule_fires",
        ["status", "due_at"],
        unique=False,
    )
