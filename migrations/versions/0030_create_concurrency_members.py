"""Create the table concurrency_members."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "concurrency_members",
        sa.Column("id", Id(), nullable=False),
        sa.Column("group_id", Id(), nullable=False),
        sa.Column("execution_id", Id(), nullable=False),
        sa.Column("job_id", Id(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_concurrency_members_execution_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["concurrency_groups.id"],
            name=op.f("fk_concurrency_members_group_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_concurrency_members_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_concurrency_members")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
