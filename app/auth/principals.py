"""Who makes a request, as a value: no row, no session, safe to keep in memory."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.auth.errors import InsufficientScope


class Scope(StrEnum):
    """What an API token may be used for. A log-in has all of them."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, or nobody, with what the credential allows.

    `expires_at` is when an API token ends; `credential_id` the row of the token or session.
    With `project_id` it is the token of a project, which acts in that project only, in the role
    `project_role`, and sees nothing else.
    """

    user_id: uuid.UUID | None = None
    name: str = "anonymous"
    is_administrator: bool = False
    scopes: frozenset[Scope] = frozenset({Scope.READ})
    how: Literal["anonymous", "token", "session"] = "anonymous"
    credential_id: uuid.UUID | None = None
    expires_at: datetime | None = None
    project_id: uuid.UUID | None = None
    project_role: str | None = None

    @property
    def is_anonymous(self) -> bool:
        """True for a request without credentials."""
        return self.user_id is None

    @property
    def id(self) -> uuid.UUID:
        """The user's id; only where a guard has refused anonymous callers."""
        assert self.user_id is not None
        return self.user_id


ANONYMOUS = Principal()
SYSTEM = Principal(name="system", is_administrator=True, scopes=ALL_SCOPES)
"""The server itself, for work that no user asked for."""


def require_scope(principal: Principal, scope: Scope) -> None:
    """Refuse a token without this scope.

    Raises: InsufficientScope.
    """
    if scope not in principal.scopes:
        raise InsufficientScope(f"this needs an API token with the scope {scope.value!r}")
