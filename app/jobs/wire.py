"""A message as Dramatiq reads it from a queue."""

import json
import time
from typing import Any

from app.jobs.outbox import Outgoing

RETRIES = "_retries"
"""Member of a stored body: how often an actor has failed on this message already."""


def encode(message: Outgoing, *, queue: str) -> bytes:
    """The bytes for `queue` (its full name)."""
    body: dict[str, Any] = dict(message.body)
    retries = body.pop(RETRIES, 0)
    return json.dumps(
        {
            "queue_name": queue,
            "actor_name": message.kind,
            "args": [],
            "kwargs": body,
            "options": {"retries": retries} if retries else {},
            "message_id": str(message.id),
            "message_timestamp": int(time.time() * 1000),
        },
        separators=(",", ":"),
    ).encode()
