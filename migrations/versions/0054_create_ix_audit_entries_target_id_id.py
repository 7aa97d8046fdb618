"""Create the index ix_audit_entries_target_id_id."""

from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    op.create_index(
        op.f("ix_audit_entries_target_id_id"), "audit_entries", ["target_id", "id"], unique=False
    )
