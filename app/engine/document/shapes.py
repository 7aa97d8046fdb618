"""The vocabulary in which the dialect is described: scalars.

A shape knows two things: how to check a node, and how to say the same as JSON Schema. The tables
in `dialect/` are made of shapes, so what validates a file and what completes it in an editor
cannot differ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

from app.engine.document.findings import Findings, Written, joined, shortened
from app.engine.document.nodes import Node, ScalarNode, SequenceNode
from app.engine.expressions.values import to_text

Schema = dict[str, Any]
OPEN = "${{"
EXPRESSION: Schema = {"type": "string", "pattern": r"\$\{\{(.|\r|\n)*\}\}"}
WHOLE: Schema = {"type": "string", "pattern": r"^\s*\$\{\{(.|\r|\n)*\}\}\s*$"}


class Shape(Protocol):
    """Anything that a key of the file may hold."""

    def check(self, node: Node, path: str, findings: Findings) -> None:
        """Record what is wrong with `node`, and the expressions in it."""

    def schema(self) -> Schema:
        """The same as JSON Schema."""

    def expected(self) -> str:
        """For messages: "a string", "a list of strings"."""


def described(node: Node) -> str:
    """What a node is, for messages."""
    if not isinstance(node, ScalarNode):
        return "a list" if isinstance(node, SequenceNode) else "a map"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return f"the boolean {node.text}"
    if isinstance(node.value, int | float):
        return f"the number {shortened(node.text)}"
    return f"the string '{shortened(node.text)}'"


def wrong_type(shape: Shape, node: Node, path: str, findings: Findings) -> None:
    """Record that `node` is of another kind than the shape allows."""
    empty = isinstance(node, ScalarNode) and node.value is None
    code = "empty_value" if empty else "wrong_type"
    findings.error(code, f"expected {shape.expected()}, found {described(node)}", node, path)


def has_expression(node: ScalarNode) -> bool:
    """Whether the scalar is text that holds `${{`."""
    return isinstance(node.value, str) and OPEN in node.value


def _is_whole(text: str) -> bool:
    stripped = text.strip()
    return stripped.startswith(OPEN) and stripped.endswith("}}")


def note_expression(
    node: ScalarNode, key: str | None, path: str, findings: Findings, *, condition: bool = False
) -> None:
    """Remember an expression for later, or refuse it where the language has none."""
    if key is None:
        findings.error("expression_not_allowed", "an expression is not allowed here", node, path)
        return
    findings.written.append(Written(node, key, path, condition))


@dataclass(frozen=True, slots=True)
class Form:
    """A further rule for text: a name for messages, a test, and a pattern for editors.

    `refusal` returns why the text is not of this form, or None.
    """

    code: str
    refusal: Callable[[str], str | None]
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Text. Numbers and booleans count as their text, as on GitHub, unless `strict`.

    `key` is the row of the availability table; None means that no expression is allowed. `what`
    tells what the choices are.
    """

    key: str | None = None
    choices: tuple[str, ...] = ()
    form: Form | None = None
    empty: bool = False
    null: bool = False
    strict: bool = False
    what: str = "allowed here"
    code: str = "invalid_value"

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, ScalarNode):
            wrong_type(self, node, path, findings)
        elif has_expression(node):
            note_expression(node, self.key, path, findings)
        elif node.value is None:
            if not self.null:
                wrong_type(self, node, path, findings)
        elif self.strict and not isinstance(node.value, str):
            wrong_type(self, node, path, findings)
        else:
            self._check_text(to_text(node.value), node, path, findings)

    def _check_text(self, text: str, node: Node, path: str, findings: Findings) -> None:
        if self.choices:
            if text not in self.choices:
                hint = findings.near(text, self.choices)
                message = f"'{shortened(text)}' is not {self.what}{hint}"
                findings.error(self.code, message, node, path)
        elif not text.strip() and not self.empty:
            findings.error("empty_value", f"expected {self.expected()}, found nothing", node, path)
        elif self.form is not None:
            refusal = self.form.refusal(text)
            if refusal is not None:
                findings.error(self.form.code, refusal, node, path)

    def expected(self) -> str:
        return joined(self.choices) if self.choices else "a string"

    def schema(self) -> Schema:
        if self.choices:
            return _or_expression({"enum": list(self.choices)}, self.key)
        schema: Schema = {"type": ["string"] if self.strict else ["string", "number", "boolean"]}
        if self.null:
            schema["type"].append("null")
        if not self.empty:
            schema["minLength"] = 1
        if self.form is not None and self.form.pattern is not None:
            schema["pattern"] = self.form.pattern
            return _or_expression(schema, self.key)
        return schema


def _or_expression(schema: Schema, key: str | None) -> Schema:
    return schema if key is None else {"anyOf": [schema, EXPRESSION]}


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean, or an expression where `key` allows one."""

    key: str | None = None

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if isinstance(node, ScalarNode):
            if isinstance(node.value, bool):
                return
            if isinstance(node.value, str) and _is_whole(node.value):
                note_expression(node, self.key, path, findings)
                return
        wrong_type(self, node, path, findings)

    def expected(self) -> str:
        return "true or false" if self.key is None else "true, false or an expression"

    def schema(self) -> Schema:
        boolean: Schema = {"type": "boolean"}
        return boolean if self.key is None else {"anyOf": [boolean, WHOLE]}


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` (with `over`: greater than it) to `most`; None is no limit."""

    key: str | None = None
    least: float | None = 0
    most: float | None = 1e9
    over: bool = False
    integer: bool = False
    code: str = "invalid_value"

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, ScalarNode):
            wrong_type(self, node, path, findings)
        elif isinstance(node.value, str) and _is_whole(node.value):
            note_expression(node, self.key, path, findings)
        elif isinstance(node.value, bool) or not isinstance(node.value, int | float):
            wrong_type(self, node, path, findings)
        elif not self._fits(node.value):
            message = f"expected {self.expected()}, found {shortened(node.text)}"
            findings.error(self.code, message, node, path)

    def _fits(self, value: float) -> bool:
        if not isfinite(value) or (self.integer and value != int(value)):
            return False
        if self.least is not None and (value < self.least or (self.over and value == self.least)):
            return False
        return self.most is None or value <= self.most

    def expected(self) -> str:
        kind = "a whole number" if self.integer else "a number"
        low = "" if self.least is None else f" {'over' if self.over else 'from'} {self.least:g}"
        return f"{kind}{low}" if self.most is None else f"{kind}{low} to {self.most:.15g}"

    def schema(self) -> Schema:
        number: Schema = {"type": "integer" if self.integer else "number"}
        if self.least is not None:
            number["exclusiveMinimum" if self.over else "minimum"] = self.least
        if self.most is not None:
            number["maximum"] = self.most
        return number if self.key is None else {"anyOf": [number, WHOLE]}


@dataclass(frozen=True, slots=True)
class Condition:
    """The value of `if`: an expression with or without `${{ }}`, a boolean, a number, nothing."""

    key: str

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, ScalarNode):
            wrong_type(self, node, path, findings)
        elif isinstance(node.value, str):
            note_expression(node, self.key, path, findings, condition=True)

    def expected(self) -> str:
        return "a condition"

    def schema(self) -> Schema:
        return {"type": ["string", "boolean", "number", "null"]}


@dataclass(frozen=True, slots=True)
class Whole:
    """A single expression that stands for a list or a map."""

    key: str

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if self.accepts(node):
            assert isinstance(node, ScalarNode)
            note_expression(node, self.key, path, findings)
        else:
            wrong_type(self, node, path, findings)

    def accepts(self, node: Node) -> bool:
        """Whether the node is one expression."""
        text = node.value if isinstance(node, ScalarNode) else None
        return isinstance(text, str) and _is_whole(text)

    def expected(self) -> str:
        return "one expression '${{ … }}'"

    def schema(self) -> Schema:
        return WHOLE


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value; expressions in its scalars are checked against `key`."""

    key: str | None = None

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if isinstance(node, ScalarNode):
            if has_expression(node):
                note_expression(node, self.key, path, findings)
        elif isinstance(node, SequenceNode):
            for index, item in enumerate(node.items):
                self.check(item, f"{path}[{index}]", findings)
        else:
            for key, (_, value) in node.entries.items():
                self.check(value, f"{path}.{key}", findings)

    def expected(self) -> str:
        return "a value"

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class Nothing:
    """Only an empty value."""

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, ScalarNode) or node.value is not None:
            wrong_type(self, node, path, findings)

    def expected(self) -> str:
        return "nothing"

    def schema(self) -> Schema:
        return {"type": "null"}
