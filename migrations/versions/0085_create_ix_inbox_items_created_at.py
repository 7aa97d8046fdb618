"""Create the index ix_inbox_items_created_at."""

from alembic import op

revision = "0085"
down_revision = "0084"


def upgrade() -> None:
    op.create_index(op.f("ix_inbox_items_created_at"), "inbox_items", ["created_at"], unique=False)
