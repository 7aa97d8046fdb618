"""What the API takes and gives about retention."""

from typing import Annotated, Literal

from pydantic import Field

from app.core.schemas import Input, Output

Days = Annotated[int, Field(ge=1, le=3650)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class RetentionWrite(Input):
    """How long executions are kept; what has no limit is kept for ever."""

    days: Days | None = Field(
        default=None, description="After so many days an ended execution goes", examples=[90]
    )
    count: Count | None = Field(
        default=None, description="So many ended executions of each pipeline stay", examples=[500]
    )
    keep_last_success: bool = Field(
        default=True, description="The last successful execution of each pipeline stays anyway"
    )


class RetentionRead(Output):
    """How long executions are kept."""

    days: int | None = Field(description="After so many days an ended execution goes; null: never")
    count: int | None = Field(description="So many ended executions stay; null: all")
    keep_last_success: bool = Field(description="The last successful one stays anyway")
    source: Literal["pipeline", "project", "none"] = Field(description="Where this is said")
