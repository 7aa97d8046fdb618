"""Create the index ix_project_teams_team_id."""

from alembic import op

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    op.create_index(op.f("ix_project_teams_team_id"), "project_teams", ["team_id"], unique=False)
