"""The combinations of a `strategy.matrix` whose expressions are evaluated already.

The rules are those of GitHub's documentation, "Running variations of jobs in a workflow": the
product of all keys, minus what `exclude` matches, plus what `include` adds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from app.engine.definition import Value
from app.engine.expressions.values import equals, to_text

MAX_COMBINATIONS: Final = 256
MAX_NAME_LENGTH: Final = 100
_RULES: Final = frozenset({"include", "exclude"})


class InvalidMatrix(Exception):
    """A matrix that describes no jobs. The message says what is wrong, where and what to do."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One job of a matrix. `shown` are the values in its name: `include` adds without a name."""

    values: dict[str, Any]
    shown: dict[str, Any]


def combinations(matrix: Mapping[str, Value]) -> tuple[dict[str, Any], ...]:
    """The values of the `matrix` context, one map per job, the first key varying slowest.

    Parameters:
        matrix: the map as GitHub writes it, with lists and the keys `include` and `exclude`.

    Raises:
        InvalidMatrix: a key holds no list, a rule is no map, or there are more than 256 jobs.
    """
    return tuple(combination.values for combination in expand(matrix))


def expand(matrix: Mapping[str, Value]) -> tuple[Combination, ...]:
    """Like `combinations`, and tells which values belong in the name of each job.

    Raises:
        InvalidMatrix: see `combinations`.
    """
    if not isinstance(matrix, Mapping):
        raise InvalidMatrix(f"`matrix` must be a map of lists, but is {_described(matrix)}")
    vectors = {key: _vector(key, value) for key, value in matrix.items() if key not in _RULES}
    excluded = [_exclusion(rule, vectors) for rule in _rules(matrix, "exclude")]
    included = _rules(matrix, "include")
    if not vectors and not included:
        raise InvalidMatrix("`matrix` is empty: give it at least one key with a list of values")
    _check_size(vectors)
    kept = [one for one in _product(vectors) if not any(_matches(rule, one) for rule in excluded)]
    found = _with_inclusions(kept, included, vectors)
    if len(found) > MAX_COMBINATIONS:
        raise InvalidMatrix(_too_many(len(found)))
    return found


def display_name(job_name: str, values: Mapping[str, Any]) -> str:
    """`name (a, b)`: the name of a matrix job whose `name` has no expression, at most 100 long."""
    segments = [text for value in values.values() for text in _segments(value) if text]
    if not segments:
        return job_name
    return shortened(f"{job_name} ({', '.join(segments)})")


def shortened(name: str) -> str:
    """A display name of at most 100 characters."""
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 3] + "..."


def _vector(key: str, value: Value) -> Sequence[Any]:
    if not _is_list(value):
        raise InvalidMatrix(f"`matrix.{key}` must be a list of values, but is {_described(value)}")
    if not value:
        raise InvalidMatrix(
            f"`matrix.{key}` is an empty list: give it a value, or skip the job with `if`"
        )
    sequence: Sequence[Any] = value
    return sequence


def _rules(matrix: Mapping[str, Value], key: str) -> list[Mapping[str, Any]]:
    rules = matrix.get(key)
    if rules is None:
        return []
    if not _is_list(rules):
        raise InvalidMatrix(f"`matrix.{key}` must be a list of maps, but is {_described(rules)}")
    for index, rule in enumerate(rules):
        if not isinstance(rule, Mapping) or not rule:
            found = _described(rule)
            raise InvalidMatrix(f"`matrix.{key}[{index}]` must be a map of values, but is {found}")
    return list(rules)


def _exclusion(rule: Mapping[str, Any], vectors: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
    for key in rule:
        if key not in vectors:
            known = ", ".join(f"`{name}`" for name in vectors) or "no key"
            raise InvalidMatrix(
                f"`matrix.exclude` names `{key}`, which is no key of the matrix (it has {known})"
            )
    return rule


def _check_size(vectors: Mapping[str, Sequence[Any]]) -> None:
    # The product is bounded before it is made; an exclusion may leave less, but 256 keys of two
    # values each would never end.
    size = 1
    for vector in vectors.values():
        size *= len(vector)
        if size > MAX_COMBINATIONS * MAX_COMBINATIONS:
            raise InvalidMatrix(_too_many(size))


def _too_many(count: int) -> str:
    return f"`matrix` makes {count} jobs; at most {MAX_COMBINATIONS} are allowed: split the job"


def _product(vectors: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    if vectors:
        for values in product(*vectors.values()):
            yield dict(zip(vectors, values, strict=True))


def _with_inclusions(
    originals: list[dict[str, Any]],
    included: list[Mapping[str, Any]],
    vectors: Mapping[str, Sequence[Any]],
) -> tuple[Combination, ...]:
    """Every rule adds to the originals that it does not contradict, else it is a job itself."""
    found = [Combination(values=dict(one), shown=one) for one in originals]
    added = []
    for rule in included:
        filters = {key: value for key, value in rule.items() if key in vectors}
        extras = {key: value for key, value in rule.items() if key not in vectors}
        matched = [one for one in found if _matches(filters, one.shown)]
        for one in matched:
            one.values.update(extras)
        if not matched:
            added.append(Combination(values=filters | extras, shown=filters | extras))
    return (*found, *added)


def _matches(rule: Any, value: Any) -> bool:
    """Whether every scalar of the rule equals the one at the same place in the value."""
    if isinstance(rule, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _matches(part, value[key]) for key, part in rule.items()
        )
    if _is_list(rule):
        return (
            _is_list(value)
            and len(rule) <= len(value)
            and all(_matches(part, item) for part, item in zip(rule, value, strict=False))
        )
    return equals(value, rule)


def _segments(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _segments(item)
    elif _is_list(value):
        for item in value:
            yield from _segments(item)
    else:
        yield to_text(value)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _described(value: object) -> str:
    if isinstance(value, Mapping):
        return "a map" if value else "an empty map"
    if _is_list(value):
        return "a list"
    text = to_text(value)
    return f"`{text[:40]}`" if text else "empty"
