"""Create the index ix_schedules_next_fire_at."""

from alembic import op

revision = "0096"
down_revision = "0095"


def upgrade() -> None:
    op.create_index(
        op.f("ix_schedules_next_fire_at"),
        "schedules",
        ["next_fire_at"],
        unique=False,
    )
