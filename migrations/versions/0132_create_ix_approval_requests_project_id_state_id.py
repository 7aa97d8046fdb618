"""Create the index ix_approval_requests_project_id_state_id."""

from alembic import op

revision = "0132"
down_revision = "0131"


def upgrade() -> None:
    op.create_index(
        op.f("ix_approval_requests_project_id_state_id"),
        "approval_requests",
        ["project_id", "state", "id"],
        unique=False,
    )
