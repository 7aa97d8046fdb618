"""Create the index ix_jobs_status_sweep_after."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_index(
        op.f("ix_jobs_status_sweep_after"), "jobs", ["status", "sweep_after"], unique=False
    )
