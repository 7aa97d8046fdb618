"""What is told, as a value that every kind of channel can show."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str) -> str:
    """A text without line breaks and control characters."""
    return _CONTROL.sub(" ", text).strip()


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification. `facts` are short lines; `log` are the last lines of the failed step."""

    delivery_id: uuid.UUID
    event: str
    title: str
    link: str
    facts: Sequence[str] = ()
    log: Sequence[str] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """For people, as plain text."""
        parts = [self.title, "\n".join(self.facts), "\n".join(self.log), self.link]
        return "\n\n".join(part for part in parts if part)

    def document(self) -> dict[str, Any]:
        """For programs: the body of webhooks."""
        return {
            "event": self.event,
            "delivery": str(self.delivery_id),
            "title": self.title,
            "link": self.link,
            **self.data,
            "log": list(self.log),
        }
