"""Create the index ix_launchers_team_id."""

from alembic import op

revision = "0070"
down_revision = "0069"


def upgrade() -> None:
    op.create_index(op.f("ix_launchers_team_id"), "launchers", ["team_id"], unique=False)
