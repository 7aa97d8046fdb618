"""Days of a time zone: pure functions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def day_of(moment: datetime, timezone: str) -> date:
    """The day that it is at this moment in a time zone."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def start_of(day: date, timezone: str) -> datetime:
    """The first moment of a day in a time zone, in UTC; also where clocks skip midnight."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def with_ends(first: date, last: date, timezone: str) -> Sequence[tuple[date, datetime]]:
    """The days from `first` to `last`, each with the moment when it ends, in UTC."""
    days = [first + number * DAY for number in range((last - first).days + 1)]
    return [(day, start_of(day + DAY, timezone)) for day in days]
