"""Executions and jobs over HTTP."""

from app.executions.endpoints import executions, starting

ROUTERS = (starting.router, executions.router)

__all__ = ["ROUTERS"]
