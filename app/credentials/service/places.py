"""Where variables and secrets belong to."""

import uuid
from dataclasses import dataclass
from typing import Any

from app.audit.recording import record_change
from app.core.db import AsyncSession
from app.credentials.models import Environment, Secret, Variable
from app.projects.service.access import Access


@dataclass(frozen=True, slots=True)
class Place:
    """A project, or one of its environments, with the rights of the caller there."""

    access: Access
    environment: Environment | None = None

    @property
    def project_id(self) -> uuid.UUID:
        """The project, also of an environment."""
        return self.access.project.id

    @property
    def environment_id(self) -> uuid.UUID | None:
        """None: the project itself."""
        return None if self.environment is None else self.environment.id

    @property
    def scope_id(self) -> uuid.UUID:
        """What names are unique in."""
        return self.environment_id or self.project_id


async def record_value(
    session: AsyncSession,
    place: Place,
    row: Variable | Secret,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Leave a change of a variable or secret in the audit trail."""
    kind = "variable" if isinstance(row, Variable) else "secret"
    name = row.name if place.environment is None else f"{place.environment.name}: {row.name}"
    await record_change(
        session,
        place.access.principal,
        f"{kind}.{verb}",
        kind=kind,
        target_id=row.id,
        name=name,
        project_id=place.project_id,
        before=before,
        after=after,
    )
