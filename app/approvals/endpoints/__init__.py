"""Approvals over HTTP."""

from app.approvals.endpoints import approvals, queue

ROUTERS = (approvals.router, queue.router)

__all__ = ["ROUTERS"]
