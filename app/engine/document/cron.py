"""Checks cron expressions: the five fields of GitHub's `schedule`, with names, lists and steps."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from app.engine.document.findings import near, shortened

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NICKNAMES = "@yearly, @monthly, @weekly, @daily, @hourly and @reboot are not supported"


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)
_NTH = re.compile(r"([0-9A-Za-z]+)#([1-5])\Z")


class _Invalid(ValueError):
    pass


@lru_cache(maxsize=1024)
def refusal(expression: str) -> str | None:
    """Why this is not a cron expression that can fire, or None."""
    if expression.lstrip().startswith("@"):
        return f"'{shortened(expression)}' is not a cron expression: {_NICKNAMES}"
    words = expression.split()
    if len(words) != len(_FIELDS):
        return (
            f"a cron expression has five fields (minute, hour, day of month, month, day of "
            f"week), but '{shortened(expression)}' has {len(words)}"
        )
    try:
        values = [_field(field, word) for field, word in zip(_FIELDS, words, strict=True)]
    except _Invalid as error:
        return f"'{shortened(expression)}' is not a cron expression: {error}"
    if words[4] == "*" and not _has_a_day(values[2], values[3]):
        return f"'{shortened(expression)}' never fires: no such day in these months"
    return None


def _has_a_day(days: set[int], months: set[int]) -> bool:
    return any(day <= _LONGEST_MONTH[month - 1] for day, month in product(days, months))


def _field(field: _Field, word: str) -> set[int]:
    if len(word) > 200:
        raise _Invalid(f"the field for {field.name} is too long")
    found: set[int] = set()
    for part in word.split(","):
        found |= _part(field, part)
    return found


def _part(field: _Field, part: str) -> set[int]:
    if field.name == "day of week" and (nth := _NTH.match(part)):
        return {_value(field, nth[1])}
    bounds, slash, step = part.partition("/")
    interval = _step(field, step) if slash else 1
    if bounds == "*":
        return set(range(field.low, field.high + 1, interval))
    first, dash, last = bounds.partition("-")
    low = _value(field, first)
    high = _value(field, last) if dash else (field.high if slash else low)
    if high < low:
        raise _Invalid(f"the range '{bounds}' for {field.name} runs backwards")
    return set(range(low, high + 1, interval))


def _step(field: _Field, step: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", step) or int(step) == 0:
        raise _Invalid(f"'{shortened(step)}' is not a step for {field.name}; expected 1 or more")
    return int(step)


def _value(field: _Field, word: str) -> int:
    if re.fullmatch(r"[0-9]{1,4}", word):
        value = int(word)
        if field.low <= value <= field.high:
            return value
        allowed = f"expected {field.low} to {field.high}"
        raise _Invalid(f"{value} is out of range for {field.name}; {allowed}")
    if word.upper() in field.names:
        return field.names.index(word.upper()) + field.low
    hint = near(word, field.names) if field.names else f"; expected {field.low} to {field.high}"
    raise _Invalid(f"'{shortened(word)}' is not a value for {field.name}{hint}")
