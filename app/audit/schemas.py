"""What the API gives of the audit trail."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from app.core.schemas import Output


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"


class AuditEntryRead(Output):
    """One change: who, what, when, from where."""

    id: uuid.UUID = Field(description="Never changes")
    at: datetime = Field(description="When it was made")
    user_id: uuid.UUID | None = Field(description="Who; null: nobody who was logged in")
    user_name: str = Field(description="The name at that time")
    credential: str = Field(description="`session`, `token` or `anonymous`", examples=["token"])
    credential_id: uuid.UUID | None = Field(description="The token or session")
    scopes: list[str] = Field(description="What the credential allowed")
    action: str = Field(description="What was done", examples=["project.update"])
    kind: str = Field(description="The kind of thing that it was done to", examples=["project"])
    target_id: uuid.UUID | None = Field(description="The thing; it may be gone")
    name: str = Field(description="What the thing was called")
    project_id: uuid.UUID | None = Field(description="Its project; it may be gone")
    before: dict[str, Any] | None = Field(description="Fields that changed, as they were")
    after: dict[str, Any] | None = Field(description="Fields that changed, as they are since")
    address: str = Field(description="From where; empty: no request asked for it")
    user_agent: str = Field(description="The program that sent the request")
    request_id: str = Field(description="As in `X-Request-ID` of the answer, and in the logs")
