"""Recording a change, in the transaction that makes it. Called by services, below all of them."""

import uuid
from collections.abc import Mapping, Set
from typing import Any, Protocol

from app.audit.redaction import differences
from app.audit.repository import AuditRepository
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.core.origin import current_origin


class Actor(Protocol):
    """Who does it: `app.auth.principals.Principal`, also `SYSTEM` and `ANONYMOUS`."""

    @property
    def user_id(self) -> uuid.UUID | None: ...

    @property
    def name(self) -> str: ...

    @property
    def how(self) -> str: ...

    @property
    def credential_id(self) -> uuid.UUID | None: ...

    @property
    def scopes(self) -> Set[str]: ...


async def record_change(
    session: AsyncSession,
    principal: Actor,
    action: str,
    *,
    kind: str,
    target_id: uuid.UUID | None,
    name: str,
    project_id: uuid.UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Leave one entry in the audit trail: one INSERT in the caller's transaction.

    Call it exactly once for each change that a person makes, after the change itself:

        await record_change(session, access.principal, "project.update", kind="project",
                            target_id=project.id, name=project.slug, project_id=project.id,
                            before=before, after=after)

    Parameters:
    - `action`: `<kind>.<verb>` as in the table of rights, at most 64 characters: `member.write`;
    - `kind`, `target_id`, `name`: what was changed. The name is what people call it; it is kept
      because the thing may be gone when the entry is read;
    - `project_id`: whose owners and maintainers see the entry; None: administrators only;
    - `before`, `after`: fields by name. Made: only `after`. Deleted: only `before`. Changed: both,
      of which the fields that differ are kept. Enums, ids, times, sets, nested mappings and
      pydantic models are taken as they are; long texts are cut.

    Secrets are redacted by type (`SecretStr`, bytes) and by the name of the field (`password`,
    `token`, `secret`, …; see `app.audit.redaction`): where a name tells nothing, such as the
    `value` of a secret, wrap it in `SecretStr`. From where (address, user agent, request id)
    comes from the request that is served.
    """
    origin = current_origin()
    old, new = differences(before, after)
    await AuditRepository(session).add(
        id=new_id(),
        at=utcnow(),
        user_id=principal.user_id,
        user_name=principal.name[:100],
        credential=principal.how,
        credential_id=principal.credential_id,
        scopes=sorted(principal.scopes),
        action=action,
        kind=kind,
        target_id=target_id,
        name=name[:255],
        project_id=project_id,
        before=old,
        after=new,
        address=origin.address[:45],
        user_agent=origin.user_agent[:300],
        request_id=origin.request_id,
    )


def fields_of(row: object, *names: str) -> dict[str, Any]:
    """The named fields of a row as they are now, for `before` and `after`."""
    return {name: getattr(row, name) for name in names}
