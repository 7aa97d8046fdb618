"""Create the index ix_stored_contents_unused_after."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.create_index(
        op.f("ix_stored_contents_unused_after"), "stored_contents", ["unused_after"], unique=False
    )
