"""The core schema of YAML 1.2: which plain scalars are null, booleans and numbers."""

import re

from app.engine.definition import Scalar
from app.engine.document.findings import shortened

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITY = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z")
_NANS = frozenset({".nan", ".NaN", ".NAN"})
_FIRST = frozenset("0123456789+-.")
_EXACT = 2**53
_LONGEST_INTEGER = 400  # digits; int() of more is slow and refused by Python beyond 4300

_TAG = "tag:yaml.org,2002:"
_TAGGED: dict[str, type | tuple[type, ...]] = {
    f"{_TAG}null": type(None),
    f"{_TAG}bool": bool,
    f"{_TAG}int": int,
    f"{_TAG}float": (int, float),
}


class UnknownTag(ValueError):
    """A tag that has no meaning in a pipeline, or a value that does not fit its tag."""


def resolve(text: str, tag: str | None, *, plain: bool) -> Scalar:
    """The value of a scalar.

    Parameters:
        text: its characters, unquoted.
        tag: an explicit tag, None or "!" when there is none.
        plain: whether it was written without quotes, so that it may be more than a string.

    Raises:
        UnknownTag: for a tag other than str, int, float, bool and null.
    """
    if tag is None:
        return resolve_plain(text) if plain else text
    if tag in ("!", f"{_TAG}str"):
        return text
    if tag not in _TAGGED:
        raise UnknownTag(no_meaning(tag))
    value = resolve_plain(text)
    wrong_bool = isinstance(value, bool) and tag != f"{_TAG}bool"
    if wrong_bool or not isinstance(value, _TAGGED[tag]):
        raise UnknownTag(f"'{text}' does not fit its tag '{tag}'")
    return value


def no_meaning(tag: str) -> str:
    """The message about a tag that is not one of YAML's own."""
    hint = "; put text that begins with '!' in quotes, or write ${{ !… }}" if tag[0] == "!" else ""
    return f"the tag '{shortened(tag)}' has no meaning in a pipeline{hint}"


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in _FIRST:
        return text
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    if _INTEGER.match(text):
        return _integer(text, 10)
    if _FLOAT.match(text):
        return float(text)
    if _OCTAL.match(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.match(text):
        return _integer(text[2:], 16)
    if _INFINITY.match(text):
        return float(text.replace(".", ""))
    return float("nan") if text in _NANS else None


def _integer(digits: str, base: int) -> int | float:
    # Numbers are doubles in this language, so what a double cannot hold exactly becomes one.
    if len(digits) > _LONGEST_INTEGER:
        return float("-inf") if digits.startswith("-") else float("inf")
    value = int(digits, base)
    return value if -_EXACT <= value <= _EXACT else _double(value)


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
