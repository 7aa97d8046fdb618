"""The master keys of an installation."""

from app.core.sealing import MasterKeys
from app.settings import Mode, Settings


def keys_of(settings: Settings) -> MasterKeys:
    """Where the master keys are: the settings, in the embedded mode also a file."""
    security = settings.security
    current = security.secret_key.get_secret_value() if security.secret_key else None
    return MasterKeys(
        current,
        [key for each in security.old_secret_keys if (key := each.get_secret_value())],
        settings.data.folder if settings.mode is Mode.EMBEDDED else None,
    )
