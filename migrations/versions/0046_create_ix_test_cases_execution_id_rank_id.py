"""Create the index ix_test_cases_execution_id_rank_id."""

from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    op.create_index(
        op.f("ix_test_cases_execution_id_rank_id"),
        "test_cases",
        ["execution_id", "rank", "id"],
        unique=False,
    )
