"""Create the index ix_notification_rules_channel_id."""

from alembic import op

revision = "0121"
down_revision = "0120"


def upgrade() -> None:
    op.create_index(
        op.f("ix_notification_rules_channel_id"), "notification_rules", ["channel_id"], unique=False
    )
