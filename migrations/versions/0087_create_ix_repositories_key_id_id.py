"""Create the index ix_repositories_key_id_id."""

from alembic import op

revision = "0087"
down_revision = "0086"


def upgrade() -> None:
    op.create_index(op.f("ix_repositories_key_id_id"), "repositories", ["key_id", "id"])
