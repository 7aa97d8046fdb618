"""Names of variables and secrets, and what their values may be."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr, StringConstraints

MAX_VALUE = 48 * 1024
"""The most bytes of a value, as on GitHub."""

_RESERVED = "GITHUB_"


def _usable(name: str) -> str:
    if name.upper().startswith(_RESERVED):
        raise ValueError(f"must not begin with {_RESERVED}")
    return name.upper()


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    if len(value.encode()) > MAX_VALUE:
        raise ValueError("must not be longer than 48 KiB")
    return value


def _storable_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise ValueError("must not be empty")
    _storable(text)
    return value


ValueName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    AfterValidator(_usable),
]
"""Letters, digits and `_`, not beginning with a digit; in capitals, as there is no case."""
Text = Annotated[str, StringConstraints(max_length=MAX_VALUE), AfterValidator(_storable)]
SecretText = Annotated[SecretStr, AfterValidator(_storable_secret)]
