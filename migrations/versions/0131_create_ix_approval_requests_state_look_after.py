"""Create the index ix_approval_requests_state_look_after."""

from alembic import op

revision = "0131"
down_revision = "0130"


def upgrade() -> None:
    op.create_index(
        op.f("ix_approval_requests_state_look_after"),
        "approval_requests",
        ["state", "look_after"],
        unique=False,
    )
