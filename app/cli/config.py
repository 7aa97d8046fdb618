"""`ansflow config`."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import typer
from pydantic import BaseModel, SecretStr

from app.cli.configuration import load_settings
from app.cli.dotenv import exposed_secrets

HIDDEN = "********"


def command(
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print")
    ] = "text",
) -> None:
    """Show the settings in effect, with the variables that set them; secrets are hidden.

    \b
    Examples:
      ansflow config
      ansflow config --format json
      ANSFLOW_SERVER__PORT=9000 ansflow config
    """
    settings = load_settings()
    values = dict(_flat(settings, ()))
    warning = exposed_secrets()
    if output == "json":
        warnings = [] if warning is None else [warning]
        shown = {"mode": settings.mode, "settings": values, "warnings": warnings}
        typer.echo(json.dumps(shown, indent=2))
        return
    typer.echo(f"# mode: {settings.mode}")
    if warning is not None:
        typer.echo(f"# warning: {warning}")
    for name, value in values.items():
        typer.echo(f"{name}={_shown(value)}")


def _flat(model: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, (*path, name))
        else:
            yield "ANSFLOW_" + "__".join((*path, name)).upper(), _public(value)


def _public(value: Any) -> Any:
    match value:
        case SecretStr():
            return _without_secret(value.get_secret_value())
        case dict():
            return {key: _public(each) for key, each in value.items()}
        case list():
            return [_public(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _without_secret(secret: str) -> str:
    """Of a URL everything but the password and the query; of another secret nothing."""
    try:
        parts = urlsplit(secret)
        host, port = parts.hostname, parts.port
    except ValueError:
        return HIDDEN
    if not parts.scheme or not host:
        return HIDDEN
    place = f"{host}:{port}" if port is not None else host
    user = f"{parts.username}:{HIDDEN}@" if parts.password else ""
    return f"{parts.scheme}://{user}{place}{parts.path}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
