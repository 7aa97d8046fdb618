"""Values and their conversions (GitHub documentation "Expressions": Operators, Functions).

Contexts are plain Python values. Their kinds are told apart by exact type first, because `bool`
is an `int` here and must never be one in an expression.
"""

import math
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from app.engine.expressions.errors import Fault

#: Integers up to here are exact as a double, the only number GitHub knows.
MAX_SAFE_INTEGER: Final = 2**53 - 1


class Kind(IntEnum):
    """The six kinds of value; everything up to STRING is primitive."""

    NULL = 0
    BOOLEAN = 1
    NUMBER = 2
    STRING = 3
    ARRAY = 4
    OBJECT = 5


class Filtered(list[object]):
    """The result of `.*` or `[*]`: an index on it applies to every item."""

    __slots__ = ()


_KINDS: dict[type, Kind] = {
    type(None): Kind.NULL,
    bool: Kind.BOOLEAN,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    str: Kind.STRING,
    list: Kind.ARRAY,
    tuple: Kind.ARRAY,
    Filtered: Kind.ARRAY,
    dict: Kind.OBJECT,
}
_FAMILIES: tuple[tuple[type, Kind], ...] = (
    (str, Kind.STRING),
    (int, Kind.NUMBER),
    (float, Kind.NUMBER),
    (Mapping, Kind.OBJECT),
    (list, Kind.ARRAY),
    (tuple, Kind.ARRAY),
)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_OCTAL = re.compile(r"0o[0-7]+")
_INFINITIES = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
_FIXED_DIGITS = 15
# GitHub keeps it apart from `I`, which is its upper case elsewhere.
_DOTLESS_I = "\N{LATIN SMALL LETTER DOTLESS I}"


def kind_of(value: object) -> Kind:
    """The kind of a plain value.

    Raises:
        ExpressionError: the value is of no kind that an expression knows (a date, a set…).
    """
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    for family, kind in _FAMILIES:
        if isinstance(value, family):
            return kind
    raise Fault(f"Unsupported value of type '{type(value).__name__}'")


def is_primitive(value: object) -> bool:
    """Whether the value is neither an array nor an object."""
    return kind_of(value) <= Kind.STRING


def is_truthy(value: object) -> bool:
    """Truth as GitHub's documentation, "Literals", has it: empty arrays and objects are true."""
    if value is None or value is False or value == "":
        return False
    if isinstance(value, int | float):
        return not (value == 0 or value != value)
    return True


def to_text(value: object) -> str:
    """The value as text (documentation, "Functions": null is empty, numbers have 15 digits).

    Raises:
        ExpressionError: the value is of no kind that an expression knows.
    """
    if type(value) is str:
        return value
    match kind_of(value):
        case Kind.NULL:
            return ""
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.NUMBER:
            return _number_text(value)
        case Kind.STRING:
            return str.__str__(value)  # a StrEnum or a YAML scalar is the text it holds
        case Kind.ARRAY:
            return "Array"
        case Kind.OBJECT:
            return "Object"


def _number_text(value: object) -> str:
    """Fifteen significant digits, exponential from 1E+15 and below 1E-04: .NET's "G15"."""
    assert isinstance(value, int | float)
    if isinstance(value, int) and abs(value) < 10**_FIXED_DIGITS:
        return int.__repr__(value)
    number = as_double(value)
    if math.isfinite(number):
        return format(number, ".15G") if number else "0"
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def as_double(value: float) -> float:
    """The value as a double; an integer too large for one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def exact(number: float) -> int | float:
    """An `int` for an integral double that is exact, so that `5` stays `5` in Python."""
    if number.is_integer() and abs(number) <= MAX_SAFE_INTEGER and (number or not _minus(number)):
        return int(number)
    return number


def _minus(number: float) -> bool:
    return math.copysign(1.0, number) < 0


def to_number(value: object) -> float:
    """The value as a number (documentation, "Operators"): NaN for what is not one.

    Raises:
        ExpressionError: the value is of no kind that an expression knows.
    """
    if isinstance(value, int | float):
        return as_double(value)
    match kind_of(value):
        case Kind.NULL:
            return 0.0
        case Kind.STRING:
            return parse_number(str(value))
        case _:
            return math.nan


def parse_number(text: str) -> float:
    """A number as JSON, hexadecimal (`0x`), octal (`0o`) or infinity writes it; empty is 0."""
    text = text.strip()
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return as_double(int(text, 16))
    if _OCTAL.fullmatch(text):
        return as_double(int(text, 8))
    return _INFINITIES.get(text, math.nan)


def fold(text: str) -> str:
    """Upper case for comparison, invariant: what would become two letters stays."""
    if text.isascii():
        return text.upper()
    return "".join([_fold_letter(letter) for letter in text])


def _fold_letter(letter: str) -> str:
    upper = letter.upper()
    return upper if len(upper) == 1 and letter != _DOTLESS_I else letter


def equals(left: object, right: object) -> bool:
    """Loose equality (documentation, "Operators"): other kinds meet as numbers.

    Raises:
        ExpressionError: a value is of no kind that an expression knows.
    """
    kind = kind_of(left)
    other = kind_of(right)
    if kind is not other:
        if kind > Kind.STRING or other > Kind.STRING:
            return False
        return to_number(left) == to_number(right)
    if kind is Kind.STRING:
        return left == right or fold(str(left)) == fold(str(right))
    if kind > Kind.STRING:
        return left is right
    return left == right


def greater(left: object, right: object) -> bool:
    """`left > right`; false for two nulls, for arrays and objects, and for NaN.

    Raises:
        ExpressionError: a value is of no kind that an expression knows.
    """
    kind = kind_of(left)
    other = kind_of(right)
    if kind > Kind.STRING or other > Kind.STRING:
        return False
    if kind is other is Kind.STRING:
        return fold(str(left)) > fold(str(right))
    return to_number(left) > to_number(right)
