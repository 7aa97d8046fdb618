"""When a cron expression fires, in a time zone with gaps and overlaps.

As Debian's cron: an entry at a fixed hour that falls into a gap fires right after it, and in an
hour that comes twice it fires once; entries of every hour or minute follow real time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_A_FEW_HOURS = timedelta(hours=3)


class NeverFires(ValueError):
    """No moment fits the expression."""


def upcoming(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """The moments later than `after`, in UTC, in order.

    Parameters: `cron` has five fields and `timezone` is an IANA name, both checked.
    Raises: NeverFires, at the first one, when there will be none.
    """
    last = after
    for moment in _simulate(cron, timezone, after):
        # In an hour that comes twice, and right after a gap, a moment may come again.
        if moment > last:
            last = moment
            yield moment


def next_fire(cron: str, timezone: str, after: datetime) -> datetime:
    """The first moment later than `after`.

    Raises: NeverFires.
    """
    for moment in upcoming(cron, timezone, after):
        return moment
    raise NeverFires(f"'{cron}' never fires: there is no such day")


def latest(
    cron: str, timezone: str, *, since: datetime, until: datetime, limit: int
) -> list[datetime]:
    """At most the last `limit` moments from `since` to `until`, both included, in order.

    Raises: NeverFires.
    """
    # Backwards is by the clock on the wall: where an hour comes twice, what was at 2:30 lies
    # ahead of the second 2:15.
    back = _simulate(cron, timezone, until + _A_FEW_HOURS, reverse=True)
    found: set[datetime] = set()
    for moment in back:
        if moment < since or len(found) == limit:
            break
        if moment <= until:
            found.add(moment)
    return sorted(found)


def _simulate(
    cron: str, timezone: str, start: datetime, *, reverse: bool = False
) -> Iterator[datetime]:
    local = start.astimezone(ZoneInfo(timezone)) if timezone != "UTC" else start.astimezone(UTC)
    try:
        for moment in CronSim(cron, local, reverse=reverse):
            yield moment.astimezone(UTC)
    except CronSimError as error:
        raise NeverFires(f"'{cron}' never fires: {error}") from error
