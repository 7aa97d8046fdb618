"""Create the index ix_team_members_user_id."""

from alembic import op

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    op.create_index(op.f("ix_team_members_user_id"), "team_members", ["user_id"], unique=False)
