"""Create the table hook_removals."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0160"
down_revision = "0136"


def upgrade() -> None:
    op.create_table(
        "hook_removals",
        sa.Column("id", Id(), nullable=False),
        sa.Column("repository_id", Id(), nullable=False),
        sa.Column("project_id", Id(), nullable=False),
        sa.Column("credential_id", Id(), nullable=False),
        sa.Column("forge", sa.String(length=32), nullable=False),
        sa.Column("clone_url", sa.String(length=2000), nullable=False),
        sa.Column("api_url", sa.String(length=2000), nullable=True),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credentials.id"],
            name=op.f("fk_hook_removals_credential_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_hook_removals_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_removals")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
