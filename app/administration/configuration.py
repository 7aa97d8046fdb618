"""Global settings over HTTP."""

from fastapi import APIRouter

from app.auth.dependencies import Administrator, SettingsOf
from app.auth.errors import AdministratorOnly
from app.configuration.registry import defaults
from app.configuration.repository import ChangedSettingRepository
from app.configuration.schemas import SettingList, SettingsUpdate
from app.configuration.service import SettingsChanged, change_settings
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated

router = APIRouter(
    prefix="/settings",
    tags=["administration"],
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)


@router.get("")
async def read_settings(
    _principal: Administrator, session: ReadSession, settings: SettingsOf
) -> SettingList:
    """Global settings with their defaults and last changes."""
    return SettingList.of(await ChangedSettingRepository(session).all(), defaults(settings))


@router.patch("", responses={409: SettingsChanged.doc()})
async def update_settings(
    principal: Administrator, body: SettingsUpdate, session: Session, settings: SettingsOf
) -> SettingList:
    """Change global settings; absent ones stay, null puts one back to its default."""
    changes = body.model_dump(exclude_unset=True, mode="json")
    await change_settings(session, by=principal, settings=settings, changes=changes)
    return SettingList.of(await ChangedSettingRepository(session).all(), defaults(settings))
