"""What clients send, checked; and how much of it they may send."""

import json
import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.core.errors import BadRequest

MAX_FRAME = 16 * 1024
"""Bytes of a client's message."""


class FrameIsMalformed(BadRequest):
    """Not JSON, or none of the commands."""

    code, title = "malformed_frame", "Malformed frame"


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: int | Annotated[str, Field(max_length=100)] | None = Field(
        None, description="Sent back in the answer"
    )


class Subscribe(_Command):
    """Watch a topic: first its present, then every change."""

    type: Literal["subscribe"]
    topic: str = Field(max_length=200)
    since: int | Annotated[str, Field(max_length=100)] | None = Field(
        None,
        description="The last `seq` that was seen, for logs `<step id>:<line>`: only what came "
        "after it is sent. When it is unknown a snapshot is sent instead",
    )


class Unsubscribe(_Command):
    """Watch a topic no more."""

    type: Literal["unsubscribe"]
    topic: str = Field(max_length=200)


class Ping(_Command):
    """Answered with `pong`."""

    type: Literal["ping"]


Command = Annotated[Subscribe | Unsubscribe | Ping, Field(discriminator="type")]
COMMANDS: TypeAdapter[Subscribe | Unsubscribe | Ping] = TypeAdapter(Command)


def parse_command(text: str) -> Subscribe | Unsubscribe | Ping:
    """The command in a frame.

    Raises: FrameIsMalformed, saying what is wrong.
    """
    try:
        return COMMANDS.validate_python(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "frame"
        raise FrameIsMalformed(f"{where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise FrameIsMalformed(f"not JSON: {str(error)[:200]}") from None


class Allowance:
    """A token bucket: `rate` frames a second, `burst` at once."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, *, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, time.monotonic()

    def take(self) -> bool:
        """One more; False when that is too many."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
