"""Create the index ix_users_project_id_id."""

from alembic import op

revision = "0072"
down_revision = "0071"


def upgrade() -> None:
    op.create_index(op.f("ix_users_project_id_id"), "users", ["project_id", "id"], unique=False)
