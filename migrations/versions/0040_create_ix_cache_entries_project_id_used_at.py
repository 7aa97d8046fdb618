"""Create the index ix_cache_entries_project_id_used_at."""

from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.create_index(
        op.f("ix_cache_entries_project_id_used_at"),
        "cache_entries",
        ["project_id", "used_at"],
        unique=False,
    )
