"""Create the table launchers."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, UtcDateTime

revision = "0069"
down_revision = "0068"


def upgrade() -> None:
    op.create_table(
        "launchers",
        sa.Column("id", Id(), nullable=False),
        sa.Column("pipeline_id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=True),
        sa.Column("team_id", Id(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipelines.id"],
            name=op.f("fk_launchers_pipeline_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_launchers_team_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_launchers_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_launchers")),
        sa.UniqueConstraint(
            "pipeline_id", "team_id", name=op.f("uq_launchers_pipeline_id_team_id")
        ),
        sa.UniqueConstraint(
            "pipeline_id", "user_id", name=op.f("uq_launchers_pipeline_id_user_id")
        ),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
