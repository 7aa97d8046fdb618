"""Add the column users.made_by."""

import sqlalchemy as sa
from alembic import op

from app.core.orm import Id

revision = "0135"
down_revision = "0134"


def upgrade() -> None:
    op.add_column("users", sa.Column("made_by", Id(), nullable=True))
