"""Create the index ix_secrets_project_id."""

from alembic import op

revision = "0080"
down_revision = "0079"


def upgrade() -> None:
    op.create_index(
        op.f("ix_secrets_project_id"),
        "secrets",
        ["project_id"],
        unique=False,
    )
