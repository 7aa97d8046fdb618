"""Periodic work over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from app.administration.periodic.catalog import WORK
from app.administration.periodic.errors import PeriodicWorkNotFound
from app.administration.periodic.repository import PeriodicRepository
from app.administration.periodic.schemas import PeriodicRunRead, PeriodicWorkList
from app.administration.periodic.service import run_now
from app.auth.dependencies import Administrator
from app.auth.errors import AdministratorOnly
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page

router = APIRouter(
    prefix="/periodic-work",
    tags=["administration"],
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)
WorkName = Annotated[
    str, Path(max_length=64, description="Name of periodic work", examples=["tools.check"])
]


@router.get("")
async def list_work(_principal: Administrator, session: ReadSession) -> PeriodicWorkList:
    """What is done again and again, with the last and the next time."""
    return PeriodicWorkList.of(await PeriodicRepository(session).list(sorted(WORK)))


@router.get("/{work_name}/runs")
async def list_runs(
    _principal: Administrator, work_name: WorkName, session: ReadSession, paging: Paging
) -> Page[PeriodicRunRead]:
    """The times that it was done in the last 30 days, newest first."""
    found = await PeriodicRepository(session).runs(work_name, paging)
    return Page[PeriodicRunRead].model_validate(found)


@router.post(
    "/{work_name}/run",
    status_code=status.HTTP_202_ACCEPTED,
    responses={404: PeriodicWorkNotFound.doc()},
)
async def run(principal: Administrator, work_name: WorkName, session: Session) -> PeriodicRunRead:
    """Have it done now."""
    ordered = await run_now(session, by=principal, name=work_name)
    return PeriodicRunRead.model_validate(ordered)
