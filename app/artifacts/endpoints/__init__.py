"""Endpoints of artifacts, caches and test reports."""

from app.artifacts.endpoints.artifacts import router as artifacts
from app.artifacts.endpoints.caches import router as caches
from app.artifacts.endpoints.tests import router as tests

ROUTERS = (artifacts, caches, tests)
