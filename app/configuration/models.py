"""Changed global settings."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Json


class ChangedSetting(Base):
    """A global setting that is not at its default. What it means is in `registry`."""

    __tablename__ = "global_settings"
    __table_args__ = TABLE_OPTIONS

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed_by: Mapped[str] = mapped_column(String(100))
    changed_by_id: Mapped[uuid.UUID | None]
    changed_at: Mapped[datetime]
