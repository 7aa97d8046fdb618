"""Pipelines and their versions."""

from app.pipelines.endpoints import launchers, pipelines, versions

ROUTERS = (pipelines.router, versions.router, launchers.router)

__all__ = ["ROUTERS"]
