"""The settings of a command, or a sentence that says which variable is wrong."""

import re
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.cli.errors import INVALID, CommandFailed
from app.settings import Mode, Settings


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; `overrides` (nested dicts) win.

    Raises: CommandFailed.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        variable = "ANSFLOW_" + "__".join(str(part) for part in first["loc"]).upper()
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "there is no such setting; `ansflow config` lists those that exist"
        sentence = f"{variable}: {message}" if first["loc"] else message
        raise CommandFailed(f"the settings are invalid: {sentence}", exit_code=INVALID) from None
    except SettingsError as error:
        # It names the part only: the variable is one of that part.
        part = re.search(r'field "(\w+)"', str(error))
        variables = f"ANSFLOW_{part[1].upper()}__…" if part else "a variable"
        raise CommandFailed(
            f"the settings are invalid: {variables} holds a list or map that is not JSON, such as "
            """ANSFLOW_WORKER__LABELS='["linux"]'""",
            exit_code=INVALID,
        ) from None


def require_distributed(settings: Settings, command: str) -> None:
    """Refuse a command that makes sense only beside other processes.

    Raises: CommandFailed.
    """
    if settings.mode is Mode.EMBEDDED:
        raise CommandFailed(
            f"`ansflow {command}` needs the distributed mode: set ANSFLOW_DATABASE__URL, "
            "ANSFLOW_REDIS__URL and ANSFLOW_RABBITMQ__URL, or use `ansflow up`, which runs "
            "everything in one process",
            exit_code=INVALID,
        )


def names_of(text: str) -> list[str]:
    """The names in a comma-separated list."""
    return [name for part in text.split(",") if (name := part.strip())]
