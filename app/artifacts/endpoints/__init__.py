"""Endpoints of artifacts, caches and test reports."""

from app.artifacts.endpoints.artifacts import router as artifacts
from app.artifacts.endpoints.caches import router as caches

ROUTERS = (artifacts, caches)
