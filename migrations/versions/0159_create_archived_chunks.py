"""Create the table archived_chunks."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, UtcDateTime

revision = "0159"
down_revision = "0158"


def upgrade() -> None:
    op.create_table(
        "archived_chunks",
        sa.Column("step_id", Id(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("raw_bytes", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BINARY(length=16), nullable=False),
        sa.Column("archive_id", Id(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("data_size", sa.Integer(), nullable=False),
        sa.Column("times_size", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["log_archives.id"], name=op.f("fk_archived_chunks_archive_id")
        ),
        sa.ForeignKeyConstraint(
            ["step_id"],
            ["steps.id"],
            name=op.f("fk_archived_chunks_step_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("step_id", "number", name=op.f("pk_archived_chunks")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
