"""Create the index ix_schedules_project_id_id."""

from alembic import op

revision = "0098"
down_revision = "0097"


def upgrade() -> None:
    op.create_index(
        op.f("ix_schedules_project_id_id"),
        "schedules",
        ["project_id", "id"],
        unique=False,
    )
