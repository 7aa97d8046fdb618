"""Create the index ix_workers_seen_at."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index(op.f("ix_workers_seen_at"), "workers", ["seen_at"], unique=False)
