"""Create the index ix_outbox_not_before_taken_until."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index(
        op.f("ix_outbox_not_before_taken_until"),
        "outbox",
        ["not_before", "taken_until"],
        unique=False,
    )
