"""Create the index ix_secrets_environment_id."""

from alembic import op

revision = "0078"
down_revision = "0077"


def upgrade() -> None:
    op.create_index(
        op.f("ix_secrets_environment_id"),
        "secrets",
        ["environment_id"],
        unique=False,
    )
