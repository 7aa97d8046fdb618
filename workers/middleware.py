"""What happens to a message whose actor failed."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from dramatiq import MessageProxy
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from app.core.clock import new_id
from app.core.logging import logger
from app.jobs.catalog import InvalidMessage
from app.jobs.outbox import Outgoing
from app.jobs.retries import TryLater
from app.jobs.wire import RETRIES
from workers.running import NotBegun

log = logger(__name__)

_LONGEST_S = 3600.0


class BoundedRetries(Middleware):
    """Repeats a failed message after a growing delay, then sends it to the dead letters.

    The repetition is a row of the outbox: it survives this process, and no queue holds it while it
    waits. Actors set `max_retries` and `backoff_s` (seconds before the first repetition; it
    doubles). Parameters: `repeat(message, delay)` writes the row and returns when it is committed;
    False means it could not, because this process ends: then the message is not answered.
    """

    def __init__(self, repeat: Callable[[Outgoing, timedelta], bool]) -> None:
        self._repeat = repeat

    @property
    def actor_options(self) -> set[str]:
        """The options that actors may set."""
        return {"max_retries", "backoff_s", "throws"}

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Decide about a message that has just been processed."""
        if exception is None:
            return
        if isinstance(exception, NotBegun):
            message.options["unanswered"] = True
            return
        options = broker.get_actor(message.actor_name).options
        retries = message.options.get("retries", 0)
        if isinstance(exception, InvalidMessage) or retries >= options["max_retries"]:
            log.error("message_given_up", kind=message.actor_name, id=message.message_id)
            message.fail()
            return
        delay = _delay(options["backoff_s"] * 2**retries, exception)
        again = Outgoing(
            id=new_id(),
            kind=message.actor_name,
            queue=message.queue_name.removeprefix(getattr(broker, "prefix", "")),
            body={**message.kwargs, RETRIES: retries + 1},
        )
        if not self._repeat(again, delay):
            message.options["unanswered"] = True


def _delay(backoff_s: float, exception: BaseException) -> timedelta:
    """How long to wait: about `backoff_s`, and as long as whoever failed asks for."""
    wanted_s = (exception.after_s or 0.0) if isinstance(exception, TryLater) else 0.0
    around_s = min(backoff_s, _LONGEST_S) * random.uniform(0.8, 1.2)  # noqa: S311  jitter
    return timedelta(seconds=max(around_s, min(wanted_s, _LONGEST_S)))
