"""Create the index ix_password_links_expires_at."""

from alembic import op

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    op.create_index(
        op.f("ix_password_links_expires_at"), "password_links", ["expires_at"], unique=False
    )
