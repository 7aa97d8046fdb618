"""What of a change may be kept: the fields that differ, as JSON, without secrets."""

import re
import uuid
from collections.abc import Mapping, Set
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

REDACTED = "***"
MAX_TEXT = 2000
MAX_ITEMS = 200

_SECRET = re.compile(
    r"passw(or)?d|passphrase|secret|token|private_?key|api_?key|signing_?key|kubeconfig"
    r"|authorization|cookie|digest|hash|ciphertext|credentials?$|webhook_?url",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"_(id|ids|name|names|kind|at|count)$")


def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Both sides of a change, with only the fields that changed; a secret shows that it did."""
    if before is None or after is None:
        return _kept(before), _kept(after)
    changed = [
        name
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    ]
    return (
        _kept({name: before[name] for name in changed if name in before}),
        _kept({name: after[name] for name in changed if name in after}),
    )


def _kept(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if fields is None else {name: _named(name, each) for name, each in fields.items()}


def _named(name: str, value: Any) -> Any:
    # That there is none, or whether there is one, is no secret; nor is a number of days.
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET.search(name) and not _NO_SECRET.search(name):
        return REDACTED
    return plain(value)


def plain(value: Any) -> Any:
    """A value as JSON has it. Secret types and bytes are redacted, what is long is cut."""
    match value:
        case None | bool() | int() | float():
            made: Any = value
        case SecretStr() | SecretBytes() | bytes() | bytearray() | memoryview():
            made = REDACTED
        case Enum():
            made = plain(value.value)
        case str():
            made = value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
        case _:
            made = _composite(value)
    return made


def _composite(value: Any) -> Any:
    match value:
        case datetime() | date():
            made: Any = value.isoformat()
        case uuid.UUID():
            made = str(value)
        case BaseModel():
            made = _kept(dict(value))
        case Mapping():
            made = {str(name): _named(str(name), each) for name, each in value.items()}
        case Set():
            made = sorted((plain(each) for each in list(value)[:MAX_ITEMS]), key=str)
        case list() | tuple():
            made = [plain(each) for each in value[:MAX_ITEMS]]
        case _:
            made = plain(str(value))
    return made
