"""Create the index ix_concurrency_members_execution_id."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.create_index(
        op.f("ix_concurrency_members_execution_id"),
        "concurrency_members",
        ["execution_id"],
        unique=False,
    )
