"""Create the table concurrency_groups."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "concurrency_groups",
        sa.Column("id", Id(), nullable=False),
        sa.Column("project_id", Id(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_concurrency_groups_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_concurrency_groups")),
        sa.UniqueConstraint(
            "project_id", "name", name=op.f("uq_concurrency_groups_project_id_name")
        ),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
