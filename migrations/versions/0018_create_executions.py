"""Create the table executions."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, MediumText, UtcDateTime

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "executions",
        sa.Column("id", Id(), nullable=False),
        sa.Column("project_id", Id(), nullable=False),
        sa.Column("pipeline_id", Id(), nullable=False),
        sa.Column("version_id", Id(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("event", sa.String(length=50), nullable=False),
        sa.Column("ref", sa.String(length=500), nullable=True),
        sa.Column("sha", sa.String(length=64), nullable=True),
        sa.Column("github", MediumText(), nullable=False),
        sa.Column("vars", MediumText(), nullable=False),
        sa.Column("inputs", MediumText(), nullable=False),
        sa.Column("triggered_by", Id(), nullable=True),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("concurrency_group", sa.String(length=255), nullable=True),
        sa.Column("cancel_in_progress", sa.Boolean(), nullable=False),
        sa.Column("workdir", sa.String(length=4096), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipelines.id"],
            name=op.f("fk_executions_pipeline_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_executions_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["triggered_by"],
            ["users.id"],
            name=op.f("fk_executions_triggered_by"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["pipeline_versions.id"],
            name=op.f("fk_executions_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        sa.UniqueConstraint("pipeline_id", "number", name=op.f("uq_executions_pipeline_id_number")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
