"""Create the index ix_secrets_key_id_id."""

from alembic import op

revision = "0079"
down_revision = "0078"


def upgrade() -> None:
    op.create_index(
        op.f("ix_secrets_key_id_id"),
        "secrets",
        ["key_id", "id"],
        unique=False,
    )
