"""Create the index ix_audit_entries_user_id_id."""

from alembic import op

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    op.create_index(
        op.f("ix_audit_entries_user_id_id"), "audit_entries", ["user_id", "id"], unique=False
    )
