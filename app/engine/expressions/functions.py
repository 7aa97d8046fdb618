"""The built-in functions (GitHub documentation "Expressions", Functions)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from app.engine.expressions import jsontext
from app.engine.expressions.errors import Fault
from app.engine.expressions.signatures import MAX_ARGUMENTS
from app.engine.expressions.values import Kind, equals, fold, is_primitive, kind_of, to_text

Charge: TypeAlias = Callable[[int], None]
BuiltIn: TypeAlias = Callable[..., object]
#: A format string, read: text stays, a number is the argument that goes there.
Segments: TypeAlias = tuple[str | int, ...]


def contains(charge: Charge, search: object, item: object) -> bool:
    """Whether an array has an equal item, or a text has the other in it, whatever the case."""
    if isinstance(search, list | tuple):
        return any(equals(item, element) for element in search)
    if is_primitive(search) and is_primitive(item):
        return fold(to_text(item)) in fold(to_text(search))
    return False


def starts_with(charge: Charge, search: object, value: object) -> bool:
    """Whether the text begins with the other, whatever the case; false for collections."""
    if not (is_primitive(search) and is_primitive(value)):
        return False
    return fold(to_text(search)).startswith(fold(to_text(value)))


def ends_with(charge: Charge, search: object, value: object) -> bool:
    """Whether the text ends with the other, whatever the case; false for collections."""
    if not (is_primitive(search) and is_primitive(value)):
        return False
    return fold(to_text(search)).endswith(fold(to_text(value)))


def join(charge: Charge, values: object, separator: object = ",") -> str:
    """The items as text, the separator between them; a primitive is its own text."""
    if is_primitive(values):
        return to_text(values)
    if not isinstance(values, list | tuple):
        return ""
    between = to_text(separator) if is_primitive(separator) else ","
    items = [to_text(value) for value in values]
    charge(sum(map(len, items)) + len(between) * max(0, len(items) - 1))
    return between.join(items)


def to_json(charge: Charge, value: object) -> str:
    """The value as JSON, indented by two spaces."""
    return jsontext.dump(value, charge)


def from_json(charge: Charge, value: object) -> object:
    """The value that a JSON text holds."""
    text = to_text(value)
    charge(len(text))
    return jsontext.load(text)


def format_text(charge: Charge, template: object, *values: object) -> str:
    """`{0}` and so on replaced by the values; `{{` and `}}` are braces."""
    text = to_text(template)
    return fill(charge, text, segments_of(text), values)


def fill(charge: Charge, template: str, segments: Segments, values: tuple[object, ...]) -> str:
    """The text that a read format string makes of the values.

    Raises:
        ExpressionError: it refers to a value that is not there, or becomes too long.
    """
    count = len(values)
    parts: list[str] = []
    for segment in segments:
        if isinstance(segment, str):
            part = segment
        elif segment < count:
            part = to_text(values[segment])
        else:
            message = "The following format string references more arguments than were supplied"
            raise Fault(f"{message}: {template}")
        charge(len(part))
        parts.append(part)
    return "".join(parts)


def segments_of(template: str) -> Segments:
    """Read a format string.

    Raises:
        ExpressionError: a brace is neither doubled nor around a number up to 255.
    """
    segments: list[str | int] = []
    at = 0
    while at < len(template):
        brace = _next_brace(template, at)
        if brace > at:
            segments.append(template[at:brace])
        if brace == len(template):
            break
        if template[brace + 1 : brace + 2] == template[brace]:
            segments.append(template[brace])
            at = brace + 2
            continue
        number, at = _placeholder(template, brace)
        segments.append(number)
    return tuple(segments)


def _next_brace(template: str, at: int) -> int:
    found = [place for brace in "{}" if (place := template.find(brace, at)) >= 0]
    return min(found, default=len(template))


def _placeholder(template: str, brace: int) -> tuple[int, int]:
    closing = template.find("}", brace)
    digits = template[brace + 1 : closing]
    is_number = closing > brace and digits.isascii() and digits.isdigit()
    if not is_number or len(digits.lstrip("0")) > len(str(MAX_ARGUMENTS)):
        raise _invalid(template)
    # Counted in a byte, as GitHub does.
    number = int(digits.lstrip("0") or "0")
    if number > MAX_ARGUMENTS:
        raise _invalid(template)
    return number, closing + 1


def _invalid(template: str) -> Fault:
    return Fault(f"The following format string is invalid: {template}")


def is_boolean(value: object) -> bool:
    """Whether `case` may branch on the value."""
    return kind_of(value) is Kind.BOOLEAN


CALLS: Final[Mapping[str, BuiltIn]] = MappingProxyType(
    {
        "contains": contains,
        "endswith": ends_with,
        "format": format_text,
        "fromjson": from_json,
        "join": join,
        "startswith": starts_with,
        "tojson": to_json,
    }
)
