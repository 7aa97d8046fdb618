"""Create the index ix_cache_entries_project_id_version."""

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.create_index(
        op.f("ix_cache_entries_project_id_version"),
        "cache_entries",
        ["project_id", "version"],
        unique=False,
    )
