"""The expression language of `${{ }}`: parse once, evaluate many, on plain Python values."""

from app.engine.expressions.availability import AVAILABLE, Availability, availability
from app.engine.expressions.compilation import Functions
from app.engine.expressions.errors import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_MEMORY,
    ErrorKind,
    ExpressionError,
)
from app.engine.expressions.expression import Expression, evaluate, parse
from app.engine.expressions.references import Path, calls, references
from app.engine.expressions.signatures import STATUS_FUNCTIONS, Function
from app.engine.expressions.templates import (
    Template,
    condition,
    has_expression,
    parse_template,
    render,
)
from app.engine.expressions.values import is_truthy, to_number, to_text

__all__ = [
    "AVAILABLE",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_MEMORY",
    "STATUS_FUNCTIONS",
    "Availability",
    "ErrorKind",
    "Expression",
    "ExpressionError",
    "Function",
    "Functions",
    "Path",
    "Template",
    "availability",
    "calls",
    "condition",
    "evaluate",
    "has_expression",
    "is_truthy",
    "parse",
    "parse_template",
    "references",
    "render",
    "to_number",
    "to_text",
]
