"""Create the index ix_approval_requests_execution_id."""

from alembic import op

revision = "0130"
down_revision = "0129"


def upgrade() -> None:
    op.create_index(
        op.f("ix_approval_requests_execution_id"),
        "approval_requests",
        ["execution_id"],
        unique=False,
    )
