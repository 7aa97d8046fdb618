"""Create the index ix_variables_project_id."""

from alembic import op

revision = "0076"
down_revision = "0075"


def upgrade() -> None:
    op.create_index(
        op.f("ix_variables_project_id"),
        "variables",
        ["project_id"],
        unique=False,
    )
