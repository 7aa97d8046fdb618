"""The only list of routers."""

from fastapi import APIRouter, FastAPI

V1: tuple[APIRouter, ...] = ()


def include(app: FastAPI) -> None:
    """Put all routes into the application."""
    for router in V1:
        app.include_router(router, prefix="/api/v1")
