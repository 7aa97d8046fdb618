"""Create the index ix_members_user_id."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
