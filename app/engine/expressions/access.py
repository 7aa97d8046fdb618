"""Index and property access (GitHub documentation "Contexts" and "Object filters")."""

import math
from collections.abc import Iterable, Mapping

from app.engine.expressions.values import (
    Filtered,
    Kind,
    fold,
    is_primitive,
    kind_of,
    to_number,
    to_text,
)

MISSING = object()


def lookup(mapping: Mapping[object, object], key: str) -> object:
    """The value under the key, in whatever case; `MISSING` when there is none."""
    value = mapping.get(key, MISSING)
    if value is not MISSING:
        return value
    folded = fold(key)
    for name, value in mapping.items():
        if fold(to_text(name)) == folded:
            return value
    return MISSING


def position_of(index: object) -> int | None:
    """The array index that a value stands for: floored, never negative; None when it is none."""
    number = to_number(index)
    return math.floor(number) if math.isfinite(number) and number >= 0 else None


def item(target: object, index: object) -> object:
    """One element of an array or object; None for a missing one, and on anything else."""
    if isinstance(target, Filtered):
        return Filtered(value for value in _each(target, index) if value is not MISSING)
    value = _element(target, index)
    return None if value is MISSING else value


def _each(target: Filtered, index: object) -> Iterable[object]:
    return [_element(element, index) for element in target]


def _element(target: object, index: object) -> object:
    if isinstance(target, Mapping):
        return lookup(target, to_text(index)) if is_primitive(index) else MISSING
    if not isinstance(target, list | tuple):
        return MISSING
    place = position_of(index)
    return MISSING if place is None or place >= len(target) else target[place]


def every(target: object) -> Filtered:
    """The filtered array that `.*` makes: all items, and of a filtered array all theirs."""
    if not isinstance(target, Filtered):
        return Filtered(_items(target))
    result = Filtered()
    for element in target:
        result.extend(_items(element))
    return result


def _items(target: object) -> Iterable[object]:
    match kind_of(target):
        case Kind.OBJECT:
            assert isinstance(target, Mapping)
            return target.values()
        case Kind.ARRAY:
            assert isinstance(target, list | tuple)
            return target
        case _:
            return ()
