"""The file `.env`: who else may read the secrets in it."""

import re
import shlex
import stat
from pathlib import Path
from urllib.parse import urlsplit

import typer
from dotenv import dotenv_values

from app.settings import Settings

_NAMES = re.compile(r"PASSWORD|SECRET|TOKEN|KEY", re.IGNORECASE)


def exposed_secrets() -> str | None:
    """A sentence about secrets in `.env` that every account can read, steps of jobs among them.

    None when there is no such file, no secret in it, or nobody else may read it.
    """
    file = Path(str(Settings.model_config["env_file"])).absolute()
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    if not mode & stat.S_IROTH or not (names := _secrets_in(file)):
        return None
    return (
        f"{file} has the mode {stat.S_IMODE(mode):04o} and holds {', '.join(names)}: every account "
        f"of this machine, and so every job, can read it. Run: chmod 600 {shlex.quote(str(file))}"
    )


def warn_of_exposed_secrets() -> None:
    """Say so on the standard error, if it is so."""
    sentence = exposed_secrets()
    if sentence is not None:
        typer.echo(f"ansflow: warning: {sentence}", err=True)


def _secrets_in(file: Path) -> list[str]:
    try:
        values = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError):
        return []
    return [name for name, text in values.items() if text and _is_secret(name, text)]


def _is_secret(name: str, text: str) -> bool:
    try:
        return bool(_NAMES.search(name) or urlsplit(text).password)
    except ValueError:
        return False
