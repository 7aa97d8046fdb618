"""Where the request that is served comes from: only ever recorded, never decided upon.

A context variable, because it would else be passed through each service of the application for
the sake of one column. Whatever depends on the caller is passed as a value.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope


@dataclass(frozen=True, slots=True)
class Origin:
    """The address and the user agent of a request, and the id that its logs have."""

    address: str = ""
    user_agent: str = ""
    request_id: str = ""


_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  frozen


def current_origin() -> Origin:
    """The request that is served; an empty one in work that no request asked for."""
    return _ORIGIN.get()


def set_origin(scope: Scope, request_id: str) -> None:
    """Remember the request of this task. A request has its own task or its own copy of one."""
    client = scope.get("client")
    agent = Headers(scope=scope).get("user-agent", "")
    _ORIGIN.set(Origin(client[0] if client else "", agent, request_id))
