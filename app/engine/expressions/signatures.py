"""Which functions exist and how many arguments they take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

MAX_ARGUMENTS: Final = 255


class Arity(NamedTuple):
    """The fewest and the most arguments of a function."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a caller of `evaluate` passes in.

    Parameters:
        name: as it is written in expressions, in any case.
        minimum: the fewest arguments.
        maximum: the most arguments.
        call: gets the arguments as plain values, returns a plain value; reports what is wrong by
            raising `ExpressionError`.
    """

    name: str
    minimum: int
    maximum: int
    call: Callable[..., object]


BUILT_IN: Final[Mapping[str, Arity]] = MappingProxyType(
    {
        "case": Arity(3, MAX_ARGUMENTS),
        "contains": Arity(2, 2),
        "endswith": Arity(2, 2),
        "format": Arity(1, MAX_ARGUMENTS),
        "fromjson": Arity(1, 1),
        "join": Arity(1, 2),
        "startswith": Arity(2, 2),
        "tojson": Arity(1, 1),
    }
)
#: The functions of `if:` (GitHub documentation "Status check functions"), in lower case.
STATUS_FUNCTIONS: Final = frozenset({"success", "failure", "always", "cancelled"})
SPECIAL: Final[Mapping[str, Arity]] = MappingProxyType(
    {**dict.fromkeys(sorted(STATUS_FUNCTIONS), Arity(0, 0)), "hashfiles": Arity(1, MAX_ARGUMENTS)}
)
EVERY_FUNCTION: Final[Mapping[str, Arity]] = MappingProxyType({**BUILT_IN, **SPECIAL})


def arities_of(names: frozenset[str]) -> Mapping[str, Arity]:
    """The built-in functions and the named ones; a name nobody knows takes any arguments."""
    anything = Arity(0, MAX_ARGUMENTS)
    special = {name: SPECIAL.get(name, anything) for name in map(str.lower, names)}
    return {**special, **BUILT_IN}


def arities_with(functions: Mapping[str, Function | Callable[..., object]]) -> Mapping[str, Arity]:
    """The built-in functions and the given ones with the arguments that they declare."""
    arities = dict(arities_of(frozenset(functions)))
    for name, function in functions.items():
        if isinstance(function, Function) and name.lower() not in BUILT_IN:
            arities[name.lower()] = Arity(function.minimum, function.maximum)
    return arities
