"""Create the table notification_channels."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, Json, MediumBlob, UtcDateTime

revision = "0117"
down_revision = "0116"


def upgrade() -> None:
    op.create_table(
        "notification_channels",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("wrapped_key", MediumBlob(), nullable=False),
        sa.Column("ciphertext", MediumBlob(), nullable=False),
        sa.Column("id", Id(), nullable=False),
        sa.Column("project_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("folded", sa.String(length=600), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("public", Json(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_notification_channels_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_channels")),
        sa.UniqueConstraint(
            "project_id", "folded", name=op.f("uq_notification_channels_project_id_folded")
        ),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
