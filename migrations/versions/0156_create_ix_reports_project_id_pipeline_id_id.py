"""Create the index ix_reports_project_id_pipeline_id_id."""

from alembic import op

revision = "0156"
down_revision = "0155"


def upgrade() -> None:
    op.create_index(
        op.f("ix_reports_project_id_pipeline_id_id"), "reports", ["project_id", "pipeline_id", "id"]
    )
