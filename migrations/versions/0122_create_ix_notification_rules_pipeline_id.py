"""Create the index ix_notification_rules_pipeline_id."""

from alembic import op

revision = "0122"
down_revision = "0121"


def upgrade() -> None:
    op.create_index(
        op.f("ix_notification_rules_pipeline_id"),
        "notification_rules",
        ["pipeline_id"],
        unique=False,
    )
