"""Reading global settings, which hardly ever costs a query, and changing them."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import ValidationError

from app.audit.recording import Actor, record_change
from app.configuration.models import ChangedSetting
from app.configuration.registry import GlobalSettings, defaults
from app.configuration.repository import ChangedSettingRepository
from app.core.clock import utcnow
from app.core.db import AsyncSession, Database
from app.core.errors import Conflict, Unavailable
from app.core.logging import logger
from app.jobs.tags import SETTINGS, touch
from app.settings import Settings

log = logger(__name__)
KEPT_S = 5.0
"""How long values are believed. A server hears of a change before; a worker has no cache."""


class SettingsChanged(Conflict):
    code, title = "settings_changed", "Somebody else has changed this setting just now"


@dataclass(slots=True)
class _Kept:
    """What this process knows. `generation` rises when it hears of a change."""

    values: Mapping[str, Any]
    until: float = 0.0
    generation: int = 0


_KEPT: WeakKeyDictionary[Database, _Kept] = WeakKeyDictionary()


async def global_settings(database: Database, settings: Settings) -> GlobalSettings:
    """The values in effect, at most `KEPT_S` old; none is older in the process that changed it.

    While the database is away: those that were known last.
    """
    kept = _KEPT.setdefault(database, _Kept({}))
    if time.monotonic() >= kept.until:
        generation = kept.generation
        try:
            values = await _changed(database)
        except Unavailable:
            # What was known last is better than a job that fails for want of a limit.
            return _effective(settings, kept.values)
        if generation != kept.generation:
            return _effective(settings, values)
        kept.values, kept.until = values, time.monotonic() + KEPT_S
    return _effective(settings, kept.values)


async def _changed(database: Database) -> Mapping[str, Any]:
    async with database.read() as session:
        return {row.name: row.value for row in await ChangedSettingRepository(session).all()}


def forget(database: Database, tags: Iterable[str]) -> None:
    """These cache tags have new versions: look again if settings are among them."""
    kept = _KEPT.get(database)
    if kept is not None and SETTINGS in tags:
        kept.until = 0.0
        kept.generation += 1


def _effective(settings: Settings, changed: Mapping[str, Any]) -> GlobalSettings:
    base = defaults(settings).model_dump()
    # Rows of a newer or an older version may hold names that this one does not have.
    known = {name: value for name, value in changed.items() if name in base}
    try:
        return GlobalSettings.model_validate(base | known)
    except ValidationError as error:
        log.error("global_settings_invalid", errors=error.error_count())
        return defaults(settings)


async def change_settings(
    session: AsyncSession, *, by: Actor, settings: Settings, changes: Mapping[str, Any]
) -> None:
    """Change values by name; None puts one back to its default.

    Parameters: `changes` have passed `SettingsUpdate`.
    Raises: SettingsChanged.
    """
    repository = ChangedSettingRepository(session)
    rows = {row.name: row for row in await repository.lock_all()}
    before = _effective(settings, {name: row.value for name, row in rows.items()})
    for name, value in changes.items():
        row = rows.get(name)
        if value is None:
            if row is not None:
                await repository.delete(row)
            continue
        row = row or ChangedSetting(name=name)
        row.value, row.changed_at = value, utcnow()
        row.changed_by, row.changed_by_id = by.name[:100], by.user_id
        await repository.save(row, conflict=SettingsChanged())
    after = _effective(settings, {row.name: row.value for row in await repository.all()})
    await record_change(
        session,
        by,
        "settings.update",
        kind="settings",
        target_id=None,
        name="settings",
        before=before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )
    await touch(session, SETTINGS)
