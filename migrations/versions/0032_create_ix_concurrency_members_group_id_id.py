"""Create the index ix_concurrency_members_group_id_id."""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.create_index(
        op.f("ix_concurrency_members_group_id_id"),
        "concurrency_members",
        ["group_id", "id"],
        unique=False,
    )
