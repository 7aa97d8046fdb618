"""What an actor is: a coroutine on the worker's loop, and how often it is repeated."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from app.core.db import Database
from app.jobs.catalog import Message
from app.settings import Settings
from workers.running import RunningJobs

M = TypeVar("M", bound=Message)


class Context(Protocol):
    """What an actor may use."""

    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    @property
    def jobs(self) -> RunningJobs: ...

    @property
    def max_worker_lost(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Actor(Generic[M]):
    """Parameters: `perform` returns when the message is done with; after `max_retries` failures,
    the first repeated after `backoff_s` seconds and each later one after twice the time, the
    message goes to the dead letters."""

    perform: Callable[[Context, M], Awaitable[None]]
    max_retries: int
    backoff_s: float = 0.0
