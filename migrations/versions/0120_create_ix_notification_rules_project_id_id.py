"""Create the index ix_notification_rules_project_id_id."""

from alembic import op

revision = "0120"
down_revision = "0119"


def upgrade() -> None:
    op.create_index(
        op.f("ix_notification_rules_project_id_id"),
        "notification_rules",
        ["project_id", "id"],
        unique=False,
    )
