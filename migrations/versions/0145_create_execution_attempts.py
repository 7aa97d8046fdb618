"""Create the table execution_attempts."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, Json, UtcDateTime

revision = "0145"
down_revision = "0153"


def upgrade() -> None:
    op.create_table(
        "execution_attempts",
        sa.Column("execution_id", Id(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("inputs", Json(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_execution_attempts_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", "attempt", name=op.f("pk_execution_attempts")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
