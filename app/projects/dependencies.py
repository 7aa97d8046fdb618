"""Guards of routes below a project: `access: ReadAccess[…]` says what the caller must be allowed.

@router.get("/{project}/pipelines")
async def list(access: Annotated[Access, reads(Action.PIPELINE_READ)], …)
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Path

from app.auth.dependencies import Caller
from app.core.dependencies import ReadSession, Session
from app.projects.rights import Action
from app.projects.service.access import Access, access

ProjectReference = Annotated[
    str,
    Path(description="Id or address of a project", max_length=100, examples=["demo"]),
]
TeamReference = Annotated[
    str, Path(description="Address of a team", max_length=100, examples=["operations"])
]


def reads(action: Action) -> Any:
    """The project of the path, when the caller may do `action`; for routes that only read."""

    async def project_read(
        principal: Caller, project: ProjectReference, session: ReadSession
    ) -> Access:
        return await access(session, principal, project=project, action=action)

    return guard(project_read, action)


def writes(action: Action) -> Any:
    """As `reads`, in the transaction of a route that writes."""

    async def project_write(
        principal: Caller, project: ProjectReference, session: Session
    ) -> Access:
        return await access(session, principal, project=project, action=action)

    return guard(project_write, action)


def guard(dependency: Callable[..., Awaitable[Any]], action: Action) -> Any:
    """A dependency that is known to demand `action`: the test of all routes asks for it."""
    dependency.action = action  # type: ignore[attr-defined]  # read by tests/http/test_rights.py
    return Depends(dependency)
