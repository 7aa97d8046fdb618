"""Create the index ix_audit_entries_project_id_id."""

from alembic import op

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    op.create_index(
        op.f("ix_audit_entries_project_id_id"), "audit_entries", ["project_id", "id"], unique=False
    )
