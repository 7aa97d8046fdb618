"""Create the table jobs."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, MediumText, UtcDateTime

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", Id(), nullable=False),
        sa.Column("execution_id", Id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("job_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("parent", sa.String(length=255), nullable=True),
        sa.Column("path", MediumText(), nullable=False),
        sa.Column("needs", MediumText(), nullable=False),
        sa.Column("matrix", MediumText(), nullable=True),
        sa.Column("matrix_index", sa.Integer(), nullable=False),
        sa.Column("matrix_total", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("outputs", MediumText(), nullable=False),
        sa.Column("labels", MediumText(), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=True),
        sa.Column("environment_url", sa.String(length=2000), nullable=True),
        sa.Column("concurrency_group", sa.String(length=255), nullable=True),
        sa.Column("options", MediumText(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=False),
        sa.Column("inputs", MediumText(), nullable=False),
        sa.Column("gated", sa.Boolean(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("queue", sa.String(length=128), nullable=True),
        sa.Column("queued_at", UtcDateTime(), nullable=True),
        sa.Column("sweep_after", UtcDateTime(), nullable=True),
        sa.Column("claim_token", Id(), nullable=True),
        sa.Column("worker_id", Id(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("cancel_level", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("annotations", MediumText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_jobs_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("execution_id", "key", name=op.f("uq_jobs_execution_id_key")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
