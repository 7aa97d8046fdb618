"""Create the table commit_statuses."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, UtcDateTime

revision = "0092"
down_revision = "0091"


def upgrade() -> None:
    op.create_table(
        "commit_statuses",
        sa.Column("execution_id", Id(), nullable=False),
        sa.Column("repository_id", Id(), nullable=False),
        sa.Column("context", sa.String(length=255), nullable=False),
        sa.Column("sent", sa.String(length=100), nullable=True),
        sa.Column("taken_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_commit_statuses_execution_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_commit_statuses_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_commit_statuses")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
