"""Create the index ix_notification_deliveries_execution_id."""

from alembic import op

revision = "0125"
down_revision = "0124"


def upgrade() -> None:
    op.create_index(
        op.f("ix_notification_deliveries_execution_id"),
        "notification_deliveries",
        ["execution_id"],
        unique=False,
    )
