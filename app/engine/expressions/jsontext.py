"""JSON in and out of expressions (`fromJSON`, `toJSON`), as JavaScript reads and writes it."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring
from typing import NoReturn, TypeAlias

from app.engine.expressions.errors import MAX_JSON_DEPTH, Fault
from app.engine.expressions.values import Kind, as_double, exact, fold, kind_of, to_text

Charge: TypeAlias = Callable[[int], None]
Add: TypeAlias = Callable[[str], None]

_LONGEST_EXACT = 15
_FIRST_EXPONENTIAL = 1e21
_SMALLEST_FIXED_POWER = -6


def load(text: str) -> object:
    """The value that a JSON text holds.

    Raises:
        ExpressionError: it is not JSON (`NaN` is not), or it is nested too deeply.
    """
    if not text.strip():
        raise Fault("empty input")
    try:
        value = json.loads(
            text, parse_int=_integer, parse_constant=_refuse, object_pairs_hook=_object
        )
        if "\\u" in text:
            value = _without_surrogates(value)
    except (ValueError, RecursionError):
        # Nobody needs the parser's traceback, which may hold the text of a secret.
        raise Fault("Error parsing JSON when evaluating fromJson") from None
    _check_depth(value)
    return value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_EXACT else exact(float(digits))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Keys that differ only in case are one key, and the first of them counts."""
    value = dict(pairs)
    folded: dict[str, str] = {}
    for key in value:
        folded.setdefault(fold(key), key)
    if len(folded) == len(value):
        return value
    return {key: value[key] for key in folded.values()}


def _without_surrogates(value: object) -> object:
    """Half a surrogate pair is no text that could be stored: it becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        loaded: object = json.loads(whole)
        return loaded
    return value


def _check_depth(value: object) -> None:
    level = _collections([value])
    for _ in range(MAX_JSON_DEPTH):
        if not level:
            return
        level = [child for parent in level for child in _collections(_children(parent))]
    if level:
        raise Fault(f"Exceeded max JSON depth {MAX_JSON_DEPTH}")


def _collections(values: Iterable[object]) -> list[object]:
    return [value for value in values if type(value) is dict or type(value) is list]


def _children(value: object) -> Iterable[object]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def dump(value: object, charge: Charge) -> str:
    """The value as JSON, indented by two spaces.

    Parameters:
        value: any plain value.
        charge: told how many characters are coming, before they are kept.

    Raises:
        ExpressionError: too deep, or of a kind that an expression does not know.
    """
    parts: list[str] = []

    def add(part: str) -> None:
        charge(len(part))
        parts.append(part)

    _write(value, "\n", add)
    return "".join(parts)


def _write(value: object, newline: str, add: Add) -> None:
    match kind_of(value):
        case Kind.OBJECT:
            assert isinstance(value, Mapping)
            _write_object(value, newline, add)
        case Kind.ARRAY:
            assert isinstance(value, list | tuple)
            _write_array(value, newline, add)
        case Kind.STRING:
            add(encode_basestring(to_text(value)))
        case Kind.NUMBER:
            assert isinstance(value, int | float)
            add(number_text(value))
        case _:
            add("null" if value is None else to_text(value))


def _deeper(newline: str) -> str:
    if len(newline) > 2 * MAX_JSON_DEPTH:
        raise Fault(f"Exceeded max JSON depth {MAX_JSON_DEPTH}")
    return newline + "  "


def _write_object(value: Mapping[object, object], newline: str, add: Add) -> None:
    if not value:
        add("{}")
        return
    inner = _deeper(newline)
    separator = "{"
    for key, child in value.items():
        add(f"{separator}{inner}{encode_basestring(to_text(key))}: ")
        _write(child, inner, add)
        separator = ","
    add(newline + "}")


def _write_array(value: list[object] | tuple[object, ...], newline: str, add: Add) -> None:
    if not value:
        add("[]")
        return
    inner = _deeper(newline)
    separator = "["
    for child in value:
        add(separator + inner)
        _write(child, inner, add)
        separator = ","
    add(newline + "]")


def number_text(value: float) -> str:
    """A number as JavaScript writes it: shortest that reads back, null for NaN and infinity."""
    number = as_double(value)
    if not math.isfinite(number):
        return "null"
    if number.is_integer() and abs(number) < _FIRST_EXPONENTIAL:
        return str(int(number))
    mantissa, _, exponent = repr(number).partition("e")
    if not exponent:
        return mantissa
    power = int(exponent)
    if power > 0 or power < _SMALLEST_FIXED_POWER:
        return f"{mantissa}e{power:+d}"
    sign = "-" if number < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "")
    return f"{sign}0.{'0' * (-power - 1)}{digits}"
