"""Names and arguments of queues: the only place that knows either.

The publisher and the workers both declare queues; RabbitMQ refuses the second of two different
declarations, so both take them from here.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from app.jobs.catalog import PRIORITIES, priority_of

DEAD_LETTER_SUFFIX = ".XQ"
"""As Dramatiq names the queue of rejected messages."""

CONTROL = "control"
"""The queue of short messages that every worker process takes."""

_DEAD_LETTERS_KEPT_MS = 7 * 24 * 3600 * 1000
_UNUSED_AFTER_MS = 8 * 24 * 3600 * 1000


def queue_for(priority: str, labels: Iterable[str] = ()) -> str:
    """The queue of a priority and of the labels that a worker must have.

    Parameters: `priority` is `high`, `medium`, `low` or `control`; `labels` empty means any
    worker.
    Raises: ValueError for an unknown priority.
    """
    name = CONTROL if priority_of(priority) == "control" else f"{priority}_priority"
    wanted = sorted({label.lower() for label in labels})
    if not wanted:
        return name
    return f"{name}.{hashlib.sha256(chr(10).join(wanted).encode()).hexdigest()[:16]}"


def default_queues() -> tuple[str, ...]:
    """The queues that every installation has."""
    return tuple(queue_for(priority) for priority in PRIORITIES)


def base_of(queue: str) -> str:
    """The queue of the same priority for any worker: without the digest of labels."""
    return queue.partition(".")[0]


def dead_letters_of(queue: str) -> str:
    """The queue where messages of `queue` end that nobody could process."""
    return queue + DEAD_LETTER_SUFFIX


def queue_arguments(queue: str, *, quorum: bool = False) -> dict[str, Any]:
    """What a queue is declared with, durable in any case.

    Parameters: `queue` is its full name, with prefix, or that of its dead letters; `quorum` makes
    it a replicated queue instead of a classic one.
    """
    arguments: dict[str, Any] = {"x-queue-type": "quorum"} if quorum else {}
    if queue.endswith(DEAD_LETTER_SUFFIX):
        arguments["x-message-ttl"] = _DEAD_LETTERS_KEPT_MS
    else:
        arguments["x-dead-letter-exchange"] = ""
        arguments["x-dead-letter-routing-key"] = dead_letters_of(queue)
    if "_priority." in queue.removesuffix(DEAD_LETTER_SUFFIX):
        # Queues of labels come into being with the first job that wants them. Without an end they
        # would only ever become more; a message lost with one is written again by the sweep.
        arguments["x-expires"] = _UNUSED_AFTER_MS
    return arguments


def declarations(queue: str, *, quorum: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """A queue and its dead letters, each with its arguments, in the order to declare them."""
    for name in (dead_letters_of(queue), queue):
        yield name, queue_arguments(name, quorum=quorum)
