"""Create the index ix_test_cases_execution_id_identity."""

from alembic import op

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    op.create_index(
        op.f("ix_test_cases_execution_id_identity"),
        "test_cases",
        ["execution_id", "identity"],
        unique=False,
    )
