"""The audit trail: read by administrators, and by those who maintain a project. Never written."""

import uuid
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.responses import StreamingResponse

from app.audit.filters import Wanted
from app.audit.repository import AuditRepository
from app.audit.schemas import AuditEntryRead, ExportFormat
from app.audit.service.export import export
from app.auth.dependencies import Administrator
from app.auth.errors import AdministratorOnly
from app.core.dependencies import DatabaseOf, ReadSession
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.dependencies import reads
from app.projects.errors import ProjectNotFound, RoleTooLow
from app.projects.rights import Action
from app.projects.service.access import Access

everything = APIRouter(
    prefix="/audit",
    tags=["audit"],
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)
of_project = APIRouter(
    prefix="/projects/{project}/audit",
    tags=["audit"],
    responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc(), 404: ProjectNotFound.doc()},
)
ROUTERS = (everything, of_project)

TYPES = {ExportFormat.CSV: "text/csv", ExportFormat.JSONL: "application/x-ndjson"}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {media_type: {} for media_type in TYPES.values()},
        "description": "The entries, newest first",
    }
}


def wanted(
    user_id: Annotated[uuid.UUID | None, Query(description="Only by this user")] = None,
    action: Annotated[
        str | None, Query(max_length=64, description="Only this, e.g. `project.update`")
    ] = None,
    kind: Annotated[
        str | None, Query(max_length=32, description="Only to this kind of thing")
    ] = None,
    target_id: Annotated[uuid.UUID | None, Query(description="Only to this thing")] = None,
    since: Annotated[AwareDatetime | None, Query(description="From this time on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this time")] = None,
) -> Wanted:
    """What a request asks for."""
    return Wanted(
        user_id=user_id,
        action=action,
        kind=kind,
        target_id=target_id,
        since=since,
        until=until,
    )


WantedOf = Annotated[Wanted, Depends(wanted)]
ProjectId = Annotated[
    uuid.UUID | None, Query(description="Only of this project; it may be deleted since")
]
Format = Annotated[ExportFormat, Query(alias="format", description="How it is written")]
Maintained = Annotated[Access, reads(Action.AUDIT_READ)]


@everything.get("")
async def list_entries(
    _principal: Administrator,
    session: ReadSession,
    paging: Paging,
    filters: WantedOf,
    project_id: ProjectId = None,
) -> Page[AuditEntryRead]:
    """Changes anywhere, newest first."""
    found = await AuditRepository(session).list(replace(filters, project_id=project_id), paging)
    return Page[AuditEntryRead].model_validate(found)


@everything.get("/export", response_class=StreamingResponse, responses=FILE)
async def export_entries(
    _principal: Administrator,
    database: DatabaseOf,
    filters: WantedOf,
    project_id: ProjectId = None,
    form: Format = ExportFormat.CSV,
) -> StreamingResponse:
    """The same as a file, all of it."""
    return _file(database, replace(filters, project_id=project_id), form)


@of_project.get("")
async def list_of_project(
    access: Maintained, session: ReadSession, paging: Paging, filters: WantedOf
) -> Page[AuditEntryRead]:
    """Changes in a project, newest first."""
    filters = replace(filters, project_id=access.project.id)
    return Page[AuditEntryRead].model_validate(await AuditRepository(session).list(filters, paging))


@of_project.get("/export", response_class=StreamingResponse, responses=FILE)
async def export_of_project(
    access: Maintained,
    database: DatabaseOf,
    filters: WantedOf,
    form: Format = ExportFormat.CSV,
) -> StreamingResponse:
    """The same as a file, all of it."""
    return _file(database, replace(filters, project_id=access.project.id), form)


def _file(database: DatabaseOf, wanted: Wanted, form: ExportFormat) -> StreamingResponse:
    return StreamingResponse(
        export(database, wanted, form),
        media_type=TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="audit.{form.value}"'},
    )
