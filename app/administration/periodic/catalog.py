"""All periodic work: the only list of it. Workers have one function for each name."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.jobs.catalog import Priority

DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Periodic:
    """Something that is done every `every_s` seconds, by a worker of this priority."""

    name: str
    every_s: int
    priority: Priority
    meaning: str


WORK: Mapping[str, Periodic] = {
    each.name: each
    for each in (
        Periodic("tools.check", 300, "medium", "Have each worker see which tools it has"),
        Periodic("executions.long_running", 1800, "medium", "Tell about long-running executions"),
        Periodic("reports", 3600, "medium", "Store how the executions of the last days went"),
        Periodic("backup", 12 * 3600, "low", "Keep a backup of all definitions"),
        Periodic("retention", DAY_S, "low", "Delete old executions as the rules say"),
        Periodic("logs.archive", DAY_S, "low", "Move old logs from the database to the archive"),
        Periodic("artifacts.clean", DAY_S, "low", "Remove expired artifacts and unused caches"),
        Periodic("rows.clean", DAY_S, "low", "Remove sessions, tokens, keys that have ended"),
    )
}
