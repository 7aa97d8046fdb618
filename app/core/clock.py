"""Time and ids: the only place that makes them."""

import asyncio
import os
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.core.orm import UtcDateTime

_MASK_74 = (1 << 74) - 1
_making = threading.Lock()
_last = [0]
"""The last id of this process without the bits that say what it is."""


def utcnow() -> datetime:
    """The time of this host, aware, UTC. Never compared with a time of the database."""
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): the milliseconds since 1970, then 74 random bits.

    Each is greater than all before it in this process (section 6.2, method 2), so that what was
    made in one millisecond keeps its order.
    """
    millis, random = time.time_ns() // 1_000_000, os.urandom(14)
    made = millis << 74 | int.from_bytes(random[:10]) & _MASK_74
    with _making:
        if made <= _last[0]:
            made = _last[0] + 1 + int.from_bytes(random[10:])
        _last[0] = made
    high, low = made >> 62 & 0xFFF, made & ((1 << 62) - 1)
    return uuid.UUID(int=made >> 74 << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low)


def first_id_at(moment: datetime) -> uuid.UUID:
    """The least id that `new_id` can make from this moment on."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62)


class db_now(FunctionElement[datetime]):  # noqa: N801  reads as a SQL function in statements
    """The database's clock, the only one that is ever compared.

    Parameters: `offset_s` seconds are added (negative: taken away).
    """

    type = UtcDateTime()
    inherit_cache = True
    name = "db_now"

    def __init__(self, offset_s: float | BindParameter[float] = 0.0) -> None:
        offset = offset_s
        if not isinstance(offset, BindParameter):
            offset = literal(float(offset), Float())
        super().__init__(offset)


@compiles(db_now, "mysql")
@compiles(db_now, "mariadb")
def _mysql_now(element: db_now, compiler: SQLCompiler, **kwargs: Any) -> str:
    (offset,) = element.clauses
    seconds = compiler.process(offset, **kwargs)
    return f"(UTC_TIMESTAMP(6) + INTERVAL ({seconds}) * 1000000 MICROSECOND)"


@compiles(db_now, "sqlite")
def _sqlite_now(element: db_now, compiler: SQLCompiler, **kwargs: Any) -> str:
    # SQLAlchemy reads six digits after the point; SQLite writes three.
    (offset,) = element.clauses
    seconds = compiler.process(offset, **kwargs)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', ({seconds}) || ' seconds') || '000')"


class seconds_between(FunctionElement[float]):  # noqa: N801  reads as a SQL function
    """Seconds from one time to another."""

    type = Float()
    inherit_cache = True
    name = "seconds_between"


@compiles(seconds_between, "mysql")
@compiles(seconds_between, "mariadb")
def _mysql_between(element: seconds_between, compiler: SQLCompiler, **kwargs: Any) -> str:
    start, end = (compiler.process(each, **kwargs) for each in element.clauses)
    return f"(TIMESTAMPDIFF(MICROSECOND, {start}, {end}) / 1000000.0)"


@compiles(seconds_between, "sqlite")
def _sqlite_between(element: seconds_between, compiler: SQLCompiler, **kwargs: Any) -> str:
    start, end = (compiler.process(each, **kwargs) for each in element.clauses)
    return f"((julianday({end}) - julianday({start})) * 86400.0)"


async def sleep_until_cancelled() -> None:
    """Wait for ever; ends only by cancellation."""
    await asyncio.Event().wait()
