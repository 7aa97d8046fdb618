"""Create the table repositories."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, MediumBlob, UtcDateTime

revision = "0086"
down_revision = "0085"


def upgrade() -> None:
    op.create_table(
        "repositories",
        sa.Column("id", Id(), nullable=False),
        sa.Column("project_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("forge", sa.String(length=32), nullable=False),
        sa.Column("clone_url", sa.String(length=2000), nullable=False),
        sa.Column("api_url", sa.String(length=2000), nullable=True),
        sa.Column("default_branch", sa.String(length=255), nullable=False),
        sa.Column("credential_id", Id(), nullable=True),
        sa.Column("folder", sa.String(length=255), nullable=True),
        sa.Column("fork_policy", sa.String(length=32), nullable=False),
        sa.Column("hook_state", sa.String(length=32), nullable=False),
        sa.Column("hook_reason", sa.String(length=2000), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("wrapped_key", MediumBlob(), nullable=False),
        sa.Column("ciphertext", MediumBlob(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credentials.id"],
            name=op.f("fk_repositories_credential_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_repositories_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_repositories_project_id_name")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
