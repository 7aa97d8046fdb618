"""Routes below `/projects/{project}`."""

from fastapi import APIRouter

from app.credentials.endpoints.environments import router as environments

ROUTERS: tuple[APIRouter, ...] = (environments,)
