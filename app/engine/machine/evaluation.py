"""Values with `${{ }}` in them: evaluated whole, asked what they read, parsed once per text."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from app.engine.definition import Value
from app.engine.expressions import (
    STATUS_FUNCTIONS,
    Expression,
    Functions,
    Template,
    calls,
    condition,
    evaluate,
    has_expression,
    is_truthy,
    parse_template,
    references,
    render,
)

_template = lru_cache(maxsize=8192)(parse_template)
_condition = lru_cache(maxsize=4096)(condition)
# These two still run their condition in an execution that is being cancelled.
_OUTLIVING = frozenset({"always", "cancelled"})


def value_of(value: Value, contexts: Mapping[str, Any]) -> Any:
    """The value with every expression in it evaluated; a whole expression keeps its type.

    Raises:
        ExpressionError: an expression cannot be read or evaluated.
    """
    if isinstance(value, str):
        return render(_template(value), contexts) if has_expression(value) else value
    if isinstance(value, Mapping):
        return {key: value_of(item, contexts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [value_of(item, contexts) for item in value]
    return value


def is_dynamic(value: Value) -> bool:
    """Whether there is an expression anywhere in the value."""
    if isinstance(value, str):
        return has_expression(value)
    if isinstance(value, Mapping):
        return any(is_dynamic(item) for item in value.values())
    return isinstance(value, list | tuple) and any(is_dynamic(item) for item in value)


def reads(value: Value, context: str) -> bool:
    """Whether an expression anywhere in the value reads a context.

    Raises:
        ExpressionError: an expression cannot be read.
    """
    if isinstance(value, str):
        return has_expression(value) and context in _contexts_of(value)
    if isinstance(value, Mapping):
        return any(reads(item, context) for item in value.values())
    return isinstance(value, list | tuple) and any(reads(item, context) for item in value)


@lru_cache(maxsize=8192)
def _contexts_of(text: str) -> frozenset[str | None]:
    template: Template = _template(text)
    return frozenset(path[0] for one in template.expressions for path in references(one))


def holds(text: str | None, contexts: Mapping[str, Any], functions: Functions) -> bool:
    """Whether an `if` is true; without a status function it also says `success()`.

    Raises:
        ExpressionError: the condition cannot be read or evaluated.
    """
    expression: Expression = _condition(text)
    return is_truthy(evaluate(expression, contexts, functions))


def names_status(text: str | None) -> bool:
    """Whether an `if` calls a status function itself, so that `success()` is not implied."""
    return text is not None and bool(text.strip()) and bool(status_calls(text) - {"success"})


def may_outlive_cancel(text: str | None) -> bool:
    """Whether an `if` may hold in an execution that is being cancelled."""
    return text is not None and bool(status_calls(text) & _OUTLIVING)


@lru_cache(maxsize=4096)
def status_calls(text: str) -> frozenset[str]:
    """The status functions that an `if` calls, the implied `success` included.

    Raises:
        ExpressionError: the condition cannot be read.
    """
    return calls(_condition(text)) & STATUS_FUNCTIONS


@lru_cache(maxsize=4096)
def condition_reads(text: str) -> frozenset[str]:
    """The contexts that an `if` reads.

    Raises:
        ExpressionError: the condition cannot be read.
    """
    return frozenset(str(path[0]) for path in references(_condition(text)))
