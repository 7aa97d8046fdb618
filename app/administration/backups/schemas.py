"""What the API gives about restored backups."""

from pydantic import Field

from app.core.schemas import Output


class RestoredRead(Output):
    """What was put back."""

    rows: int = Field(description="How many rows")
    key_ids: list[str] = Field(
        description="The master keys that its secrets need: without them they cannot be read"
    )
