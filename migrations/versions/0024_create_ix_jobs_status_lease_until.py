"""Create the index ix_jobs_status_lease_until."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_index(
        op.f("ix_jobs_status_lease_until"), "jobs", ["status", "lease_until"], unique=False
    )
