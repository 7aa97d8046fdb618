"""Create the index ix_cache_entries_used_at."""

from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.create_index(op.f("ix_cache_entries_used_at"), "cache_entries", ["used_at"], unique=False)
