"""Requests for approval of whole executions have no job."""

from alembic import op

from app.core.orm import Id

revision = "0151"
down_revision = "0150"


def upgrade() -> None:
    with op.batch_alter_table("approval_requests") as batch:
        batch.alter_column("job_id", existing_type=Id(), nullable=True)
