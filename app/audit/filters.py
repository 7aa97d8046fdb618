"""Which entries of the audit trail somebody looks for."""

import uuid
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an entry must be; None: anything. `since` is included, `until` is not."""

    user_id: uuid.UUID | None = None
    action: str | None = None
    kind: str | None = None
    target_id: uuid.UUID | None = None
    project_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
