"""Create the index ix_sessions_user_id_id."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_index(op.f("ix_sessions_user_id_id"), "sessions", ["user_id", "id"], unique=False)
