"""Create the index ix_api_tokens_user_id_id."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index(op.f("ix_api_tokens_user_id_id"), "api_tokens", ["user_id", "id"], unique=False)
