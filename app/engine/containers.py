"""`container` and `services` of a job, once their expressions are evaluated.

An expression may give any value, so what the checks of the file could not see is checked here.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.engine.expressions import to_text

_KEYS: Final = ("image", "credentials", "env", "ports", "volumes", "options")
_SERVICE_KEYS: Final = (*_KEYS, "entrypoint", "command")
_IMAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DOCKER: Final = "docker://"
_HUB: Final = "docker.io"


class ContainerIsInvalid(Exception):
    """A container is not what it must be; the text names the key and says what is wrong."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in at the registry of an image."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the file wants it. `entrypoint` and `command` are for services only."""

    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    options: str = ""
    credentials: Credentials | None = None
    entrypoint: str = ""
    command: str = ""

    @property
    def registry(self) -> str:
        """The registry that the image comes from."""
        first, slash, _ = self.image.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        return first if is_host else _HUB


def read_container(value: Any, what: str = "container") -> Container | None:
    """The container of a job; None when there is none, which an empty image says, too.

    Parameters: `value` is plain, its expressions are evaluated; `what` names it in messages.

    Raises:
        ContainerIsInvalid: it has another form.
    """
    return _read(value, what, _KEYS)


def read_services(value: Any) -> dict[str, Container]:
    """The services of a job by name, in order; those with an empty image are left out.

    Raises:
        ContainerIsInvalid: they have another form.
    """
    found = {}
    for name, service in _mapping(value, "services").items():
        what = f"services.{name}"
        if not _SERVICE.fullmatch(name):
            raise ContainerIsInvalid(
                f"{what}: the name of a service is its name in the network: letters, digits,"
                " '_', '-' and '.' only."
            )
        container = _read(service, what, _SERVICE_KEYS)
        if container is not None:
            found[name] = container
    return found


def _read(value: Any, what: str, keys: tuple[str, ...]) -> Container | None:
    if not isinstance(value, Mapping):
        image = _scalar(value, what)
        return Container(_image(image, what)) if image.strip() else None
    given = _mapping(value, what)
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise ContainerIsInvalid(f"{what}: there is no key '{key}'.{hint}")
    image = _scalar(given.get("image"), f"{what}.image")
    if not image.strip():
        return None
    env = _mapping(given.get("env"), f"{what}.env")
    return Container(
        _image(image, f"{what}.image"),
        {name: _scalar(item, f"{what}.env.{name}") for name, item in env.items()},
        _list(given.get("ports"), f"{what}.ports"),
        _list(given.get("volumes"), f"{what}.volumes"),
        _scalar(given.get("options"), f"{what}.options"),
        _credentials(given.get("credentials"), f"{what}.credentials"),
        _scalar(given.get("entrypoint"), f"{what}.entrypoint"),
        _scalar(given.get("command"), f"{what}.command"),
    )


def _image(text: str, what: str) -> str:
    image = text.strip().removeprefix(_DOCKER)
    if not _IMAGE.fullmatch(image):
        raise ContainerIsInvalid(f"{what}: {image!r} is no name of an image.")
    return image


def _credentials(value: Any, what: str) -> Credentials | None:
    given = _mapping(value, what)
    username = _scalar(given.get("username"), f"{what}.username")
    password = _scalar(given.get("password"), f"{what}.password")
    if bool(username) != bool(password):
        missing = "password" if username else "username"
        raise ContainerIsInvalid(
            f"{what}: the {missing} is missing or empty. Does the secret or variable exist?"
        )
    return Credentials(username, password) if username else None


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise ContainerIsInvalid(f"{what} must be a map, not {to_text(value)!r}.")
    return {str(key): item for key, item in value.items()}


def _list(value: Any, what: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if not isinstance(value, list | tuple):
        raise ContainerIsInvalid(f"{what} must be a list, not {to_text(value)!r}.")
    texts = (_scalar(item, f"{what}[{number}]").strip() for number, item in enumerate(value))
    return tuple(text for text in texts if text)


def _scalar(value: Any, what: str) -> str:
    if isinstance(value, Mapping | list | tuple):
        raise ContainerIsInvalid(f"{what} must be a text, not a {_kind(value)}.")
    return to_text(value)


def _kind(value: Any) -> str:
    return "map" if isinstance(value, Mapping) else "list"
