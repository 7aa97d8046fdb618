"""The ASGI application: its parts, their life and the order of the middleware."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from app import api
from app.core.db import Database
from app.settings import Settings


@dataclass(slots=True)
class Runtime:
    """What lives as long as the application serves; endpoints reach it by dependencies."""

    settings: Settings
    database: Database


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    database = Database(
        settings.database_url,
        pool_size=settings.database.pool_size,
        pool_timeout_s=settings.database.pool_timeout_s,
        insert_returning=settings.database.insert_returning,
    )
    app.state.runtime = Runtime(settings, database)
    try:
        yield
    finally:
        await database.close()


def create_app(settings: Settings) -> FastAPI:
    """Build the application. Nothing is opened before its lifespan begins.

    Parameters: `settings` is read once more when the lifespan begins (`app.state.settings`).
    """
    app = FastAPI(title="AnsFlow", lifespan=_lifespan)
    app.state.settings = settings
    api.include(app)
    return app
