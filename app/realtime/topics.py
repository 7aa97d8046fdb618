"""The names that clients may subscribe to."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.core.errors import NotFound


class TopicKind(StrEnum):
    """What a topic is about; also the kinds of connections in the statistics."""

    EXECUTION = "execution"
    JOB_LOG = "job_log"
    USER = "user"
    PIPELINE = "pipeline"
    PROJECT = "project"
    SYSTEM = "system"

    @property
    def is_replayable(self) -> bool:
        """True when what it carries has a durable number, so that nothing is ever missed."""
        return self in (TopicKind.EXECUTION, TopicKind.JOB_LOG, TopicKind.USER)


class TopicIsUnknown(NotFound):
    """No such topic, or the caller may not know of it."""

    code, title = "unknown_topic", "Unknown topic"


@dataclass(frozen=True, slots=True)
class TopicName:
    """A parsed name. `id` is None for `system` only."""

    kind: TopicKind
    id: UUID | None

    def __str__(self) -> str:
        if self.kind is TopicKind.SYSTEM:
            return "system"
        if self.kind is TopicKind.JOB_LOG:
            return f"job:{self.id}:log"
        return f"{self.kind}:{self.id}"


def parse_topic(text: str) -> TopicName:
    """The topic of this name.

    Raises: TopicIsUnknown, with what is accepted.
    """
    kind, _, rest = text.partition(":")
    if text == "system":
        return TopicName(TopicKind.SYSTEM, None)
    if kind == "job" and rest.endswith(":log"):
        kind, rest = "job_log", rest.removesuffix(":log")
    try:
        found = TopicKind(kind)
        if found is not TopicKind.SYSTEM and kind == found and len(rest) == 36:
            return TopicName(found, UUID(rest))
    except ValueError:
        pass
    raise TopicIsUnknown(
        f"{text[:80]!r} is no topic; there are execution:<id>, job:<id>:log, user:<id>, "
        "pipeline:<id>, project:<id> and system"
    )
