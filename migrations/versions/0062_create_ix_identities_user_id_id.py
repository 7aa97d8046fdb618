"""Create the index ix_identities_user_id_id."""

from alembic import op

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    op.create_index(op.f("ix_identities_user_id_id"), "identities", ["user_id", "id"], unique=False)
