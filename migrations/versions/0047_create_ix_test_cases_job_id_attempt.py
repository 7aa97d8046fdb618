"""Create the index ix_test_cases_job_id_attempt."""

from alembic import op

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    op.create_index(
        op.f("ix_test_cases_job_id_attempt"), "test_cases", ["job_id", "attempt"], unique=False
    )
