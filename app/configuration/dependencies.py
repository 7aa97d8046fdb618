"""Global settings for endpoints."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.configuration.registry import GlobalSettings
from app.configuration.service import global_settings


async def settings_in_effect(connection: HTTPConnection) -> GlobalSettings:
    """The values in effect; name it before a session, so that none is open meanwhile."""
    runtime = connection.app.state.runtime
    return await global_settings(runtime.database, runtime.settings)


GlobalSettingsOf = Annotated[GlobalSettings, Depends(settings_in_effect)]
