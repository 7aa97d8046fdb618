"""Create the table audit_entries."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, Json, UtcDateTime

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", Id(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("user_id", Id(), nullable=True),
        sa.Column("user_name", sa.String(length=100), nullable=False),
        sa.Column("credential", sa.String(length=16), nullable=False),
        sa.Column("credential_id", Id(), nullable=True),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("target_id", Id(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("project_id", Id(), nullable=True),
        sa.Column("before", Json(), nullable=True),
        sa.Column("after", Json(), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
