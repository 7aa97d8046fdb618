"""Create the index ix_periodic_work_next_run_at."""

from alembic import op

revision = "0104"
down_revision = "0103"


def upgrade() -> None:
    op.create_index(
        op.f("ix_periodic_work_next_run_at"),
        "periodic_work",
        ["next_run_at"],
        unique=False,
    )
