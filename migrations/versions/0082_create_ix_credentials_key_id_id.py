"""Create the index ix_credentials_key_id_id."""

from alembic import op

revision = "0082"
down_revision = "0081"


def upgrade() -> None:
    op.create_index(
        op.f("ix_credentials_key_id_id"),
        "credentials",
        ["key_id", "id"],
        unique=False,
    )
