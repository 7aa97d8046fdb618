"""Create the index ix_approval_votes_user_id."""

from alembic import op

revision = "0134"
down_revision = "0133"


def upgrade() -> None:
    op.create_index(
        op.f("ix_approval_votes_user_id"),
        "approval_votes",
        ["user_id"],
        unique=False,
    )
