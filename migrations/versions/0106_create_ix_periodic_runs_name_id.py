"""Create the index ix_periodic_runs_name_id."""

from alembic import op

revision = "0106"
down_revision = "0105"


def upgrade() -> None:
    op.create_index(
        op.f("ix_periodic_runs_name_id"),
        "periodic_runs",
        ["name", "id"],
        unique=False,
    )
