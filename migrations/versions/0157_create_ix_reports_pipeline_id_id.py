"""Create the index ix_reports_pipeline_id_id."""

from alembic import op

revision = "0157"
down_revision = "0156"


def upgrade() -> None:
    op.create_index(op.f("ix_reports_pipeline_id_id"), "reports", ["pipeline_id", "id"])
