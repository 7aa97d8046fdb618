"""Create the index ix_deliveries_repository_id_id."""

from alembic import op

revision = "0090"
down_revision = "0089"


def upgrade() -> None:
    op.create_index(op.f("ix_deliveries_repository_id_id"), "deliveries", ["repository_id", "id"])
