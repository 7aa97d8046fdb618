"""Create the index ix_schedule_fires_batch_id."""

from alembic import op

revision = "0100"
down_revision = "0099"


def upgrade() -> None:
    op.create_index(
        op.f("ix_schedule_fires_batch_id"),
        "schedule_fires",
        ["batch_id"],
        unique=False,
    )
