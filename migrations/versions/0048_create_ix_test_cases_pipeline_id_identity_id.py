"""Create the index ix_test_cases_pipeline_id_identity_id."""

from alembic import op

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    op.create_index(
        op.f("ix_test_cases_pipeline_id_identity_id"),
        "test_cases",
        ["pipeline_id", "identity", "id"],
        unique=False,
    )
