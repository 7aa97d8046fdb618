"""Create the index ix_variables_environment_id."""

from alembic import op

revision = "0075"
down_revision = "0074"


def upgrade() -> None:
    op.create_index(
        op.f("ix_variables_environment_id"),
        "variables",
        ["environment_id"],
        unique=False,
    )
