"""Routes below `/projects/{project}`."""

from fastapi import APIRouter

from app.credentials.endpoints import credentials, environments, secrets, variables

ROUTERS: tuple[APIRouter, ...] = (
    environments.router,
    variables.router,
    variables.of_environment,
    secrets.router,
    secrets.of_environment,
    credentials.router,
)
