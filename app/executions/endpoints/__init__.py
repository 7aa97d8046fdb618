"""Executions and jobs over HTTP."""

from app.executions.endpoints import analytics, executions, starting

ROUTERS = (starting.router, executions.router, analytics.router)

__all__ = ["ROUTERS"]
