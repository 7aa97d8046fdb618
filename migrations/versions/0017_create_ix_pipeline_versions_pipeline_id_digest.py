"""Create the index ix_pipeline_versions_pipeline_id_digest."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index(
        op.f("ix_pipeline_versions_pipeline_id_digest"),
        "pipeline_versions",
        ["pipeline_id", "digest"],
        unique=False,
    )
