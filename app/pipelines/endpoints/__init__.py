"""Pipelines and their versions."""

from app.pipelines.endpoints import pipelines, versions

ROUTERS = (pipelines.router, versions.router)

__all__ = ["ROUTERS"]
