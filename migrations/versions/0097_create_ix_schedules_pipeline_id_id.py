"""Create the index ix_schedules_pipeline_id_id."""

from alembic import op

revision = "0097"
down_revision = "0096"


def upgrade() -> None:
    op.create_index(
        op.f("ix_schedules_pipeline_id_id"),
        "schedules",
        ["pipeline_id", "id"],
        unique=False,
    )
