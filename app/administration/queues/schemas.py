"""What the API takes and gives about queues and dead letters."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from app.core.schemas import Input, Output

LetterId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class QueueRead(Output):
    """A queue of messages."""

    name: str = Field(description="Its name; after a dot the digest of labels")
    ready: int = Field(description="Messages that wait for a worker")
    consumers: int = Field(description="Workers that take from it")
    dead_letters: int = Field(description="Messages that were given up")


class QueueList(Output):
    """All queues that exist."""

    items: list[QueueRead] = Field(description="By name")


class DeadLetterRead(Output):
    """A message that was given up."""

    id: str = Field(description="Of the message")
    kind: str | None = Field(description="What was to be done; null: it cannot be read")
    body: dict[str, Any] | None = Field(description="Ids of what it is about")
    retries: int = Field(description="How often it was tried again")
    died_at: datetime | None = Field(description="When it was given up, where that is known")


class DeadLetterList(Output):
    """The oldest dead letters of a queue."""

    items: list[DeadLetterRead] = Field(description="Oldest first")


class DeadLetterChoice(Input):
    """Which dead letters."""

    ids: list[LetterId] | None = Field(
        default=None,
        max_length=1000,
        description="Only these; null: the oldest 1000 of the queue",
        examples=[None],
    )


class DeadLetterCount(Output):
    """How many it were."""

    count: int = Field(description="Messages")
