"""Create the index ix_jobs_claim_token."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_index(op.f("ix_jobs_claim_token"), "jobs", ["claim_token"], unique=False)
