"""The only list of routers."""

from fastapi import APIRouter, FastAPI

from app import health
from app.administration.backups.endpoints import router as backups
from app.administration.configuration import router as configuration
from app.administration.endpoints import router as administration
from app.administration.periodic.endpoints import router as periodic
from app.administration.queues.endpoints import router as queues
from app.administration.retention.endpoints import router as retention
from app.ansible.endpoints import router as ansible
from app.approvals.endpoints import ROUTERS as APPROVALS
from app.artifacts.endpoints import ROUTERS as ARTIFACTS
from app.audit.endpoints import ROUTERS as AUDIT
from app.auth.dependencies import Public
from app.auth.endpoints import ROUTERS as AUTH
from app.credentials.endpoints import ROUTERS as CREDENTIALS
from app.executions.endpoints import ROUTERS as EXECUTIONS
from app.inbox.endpoints import router as inbox
from app.logs.endpoints import router as logs
from app.notifications.endpoints import ROUTERS as NOTIFICATIONS
from app.pipelines.endpoints import ROUTERS as PIPELINES
from app.pipelines.endpoints.dialect import router as dialect
from app.projects.endpoints import ROUTERS as PROJECTS
from app.realtime.endpoints import pages as realtime_pages
from app.realtime.endpoints import router as realtime
from app.triggers.endpoints import ROUTERS as REPOSITORIES
from app.triggers.schedules.endpoints import router as schedules

__all__ = ["ROUTERS", "Public", "include"]

ROUTERS: tuple[APIRouter, ...] = (
    # First: `/pipelines/status` is no pipeline of that id.
    realtime,
    *AUTH,
    inbox,
    *PROJECTS,
    *CREDENTIALS,
    ansible,
    *PIPELINES,
    *EXECUTIONS,
    *APPROVALS,
    logs,
    schedules,
    *REPOSITORIES,
    *ARTIFACTS,
    *AUDIT,
    *NOTIFICATIONS,
    administration,
    periodic,
    queues,
    retention,
    configuration,
    backups,
)


def include(app: FastAPI) -> None:
    """Put all routes into the application."""
    app.include_router(health.router)
    app.include_router(dialect)
    app.include_router(realtime_pages)
    for router in ROUTERS:
        app.include_router(router, prefix="/api/v1")
