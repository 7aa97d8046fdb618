"""Fill the column pipelines.follows_runs: from the texts of the current versions."""

from alembic import op

revision = "0114"
down_revision = "0113"


def upgrade() -> None:
    op.execute(
        "UPDATE pipelines SET follows_runs = EXISTS (SELECT 1 FROM pipeline_versions AS version"
        " WHERE version.pipeline_id = pipelines.id AND version.number = pipelines.current_version"
        " AND version.source LIKE '%workflow_run%')"
    )
