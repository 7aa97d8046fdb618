"""Create the index ix_notification_deliveries_project_id_id."""

from alembic import op

revision = "0124"
down_revision = "0123"


def upgrade() -> None:
    op.create_index(
        op.f("ix_notification_deliveries_project_id_id"),
        "notification_deliveries",
        ["project_id", "id"],
        unique=False,
    )
