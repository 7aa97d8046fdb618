"""Create the table repository_pipelines."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0088"
down_revision = "0087"


def upgrade() -> None:
    op.create_table(
        "repository_pipelines",
        sa.Column("repository_id", Id(), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("pipeline_id", Id(), nullable=False),
        sa.Column("last_delivery_id", Id(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipelines.id"],
            name=op.f("fk_repository_pipelines_pipeline_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_repository_pipelines_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "path", name=op.f("pk_repository_pipelines")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
