"""Create the index ix_sessions_seen_at."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index(op.f("ix_sessions_seen_at"), "sessions", ["seen_at"], unique=False)
