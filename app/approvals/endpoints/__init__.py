"""Approvals over HTTP."""

from app.approvals.endpoints import approvals

ROUTERS = (approvals.router,)

__all__ = ["ROUTERS"]
