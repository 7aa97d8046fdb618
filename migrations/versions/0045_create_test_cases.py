"""Create the table test_cases."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id, MediumText

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.create_table(
        "test_cases",
        sa.Column("id", Id(), nullable=False),
        sa.Column("execution_id", Id(), nullable=False),
        sa.Column("job_id", Id(), nullable=False),
        sa.Column("pipeline_id", Id(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("identity", sa.BINARY(length=16), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("suite", sa.String(length=500), nullable=False),
        sa.Column("classname", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("file", sa.String(length=500), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("flaky", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(length=2000), nullable=True),
        sa.Column("details", MediumText(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_test_cases_execution_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_test_cases_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipelines.id"],
            name=op.f("fk_test_cases_pipeline_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_cases")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
