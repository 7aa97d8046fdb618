"""What the API takes and gives about variables and secrets."""

import uuid
from datetime import datetime

from pydantic import Field

from app.core.schemas import Input, Output
from app.credentials.schemas.names import MAX_VALUE, SecretText, Text


class VariableWrite(Input):
    """The value of a variable."""

    value: Text = Field(description="What `vars.NAME` shows; no secret", examples=["eu-central"])


class VariableRead(Output):
    """A variable."""

    name: str = Field(description="In capitals; expressions find it in any case")
    environment_id: uuid.UUID | None = Field(description="Its environment; null: the project's")
    value: str = Field(description="What `vars.NAME` shows")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")


class SecretWrite(Input):
    """The value of a secret."""

    value: SecretText = Field(
        description="What `secrets.NAME` shows to jobs; at most 48 KiB. It is never shown again",
        max_length=MAX_VALUE,
        examples=["hunter2"],
    )


class SecretRead(Output):
    """A secret; its value is never shown."""

    name: str = Field(description="In capitals; expressions find it in any case")
    environment_id: uuid.UUID | None = Field(description="Its environment; null: the project's")
    key_id: str = Field(description="The master key that it is encrypted with")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")
