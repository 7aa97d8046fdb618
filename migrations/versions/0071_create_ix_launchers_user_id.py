"""Create the index ix_launchers_user_id."""

from alembic import op

revision = "0071"
down_revision = "0070"


def upgrade() -> None:
    op.create_index(op.f("ix_launchers_user_id"), "launchers", ["user_id"], unique=False)
