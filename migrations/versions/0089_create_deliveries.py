"""Create the table deliveries."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, Json, MediumBlob, UtcDateTime

revision = "0089"
down_revision = "0088"


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", Id(), nullable=False),
        sa.Column("repository_id", Id(), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("ref", sa.String(length=500), nullable=True),
        sa.Column("sha", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("headers", Json(), nullable=False),
        sa.Column("body", MediumBlob(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("processed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_deliveries_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "repository_id", "external_id", name=op.f("uq_deliveries_repository_id_external_id")
        ),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
