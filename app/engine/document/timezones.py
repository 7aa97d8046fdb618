"""Names of time zones, against the IANA data that Python reads."""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.engine.document.findings import shortened

_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,3}\Z")


@lru_cache(maxsize=1024)
def refusal(name: str) -> str | None:
    """Why this is not a time zone, or None."""
    message = f"'{shortened(name)}' is not a time zone; expected a name like 'Europe/Berlin'"
    if len(name) > 64 or not _NAME.match(name):
        return message
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a folder, a damaged file, no such zone
        return message
    return None
