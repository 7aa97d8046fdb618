"""Repositories and their webhooks over HTTP."""

from fastapi import APIRouter

from app.triggers.endpoints import deliveries, hooks, repositories

ROUTERS: tuple[APIRouter, ...] = (repositories.router, deliveries.router, hooks.router)

__all__ = ["ROUTERS"]
