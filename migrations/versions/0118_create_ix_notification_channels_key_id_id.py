"""Create the index ix_notification_channels_key_id_id."""

from alembic import op

revision = "0118"
down_revision = "0117"


def upgrade() -> None:
    op.create_index(
        op.f("ix_notification_channels_key_id_id"),
        "notification_channels",
        ["key_id", "id"],
        unique=False,
    )
