"""Channels, rules and deliveries of projects."""

from app.notifications.endpoints import channels, deliveries, rules

ROUTERS = (channels.router, rules.router, deliveries.router)

__all__ = ["ROUTERS"]
