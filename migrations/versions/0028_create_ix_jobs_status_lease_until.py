"""Create the index ix_jobs_status_lease_until."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.create_index(
        op.f("ix_jobs_status_lease_until"), "jobs", ["status", "lease_until"], unique=False
    )
