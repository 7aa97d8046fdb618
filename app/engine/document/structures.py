"""The vocabulary in which the dialect is described: maps, lists and alternatives."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.document.findings import Findings, shortened
from app.engine.document.nodes import MappingNode, Node, ScalarNode, SequenceNode
from app.engine.document.shapes import Form, Schema, Shape, Whole, wrong_type


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a map.

    `no_effect` says why the key changes nothing here (a notice); `unsupported` names the feature
    that this installation may lack (an error of its own code).
    """

    shape: Shape
    description: str
    required: bool = False
    no_effect: str | None = None
    unsupported: str | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """A map with known keys. `exclusive` lists pairs of keys that may not stand together."""

    fields: Mapping[str, Field]
    exclusive: tuple[tuple[str, str], ...] = ()
    least: int = 0
    what: str = "key"
    code: str = "unknown_key"

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, MappingNode):
            wrong_type(self, node, path, findings)
            return
        for name, (key, value) in node.entries.items():
            where = f"{path}.{name}" if path else name
            known = self.fields.get(name)
            if known is None:
                hint = findings.near(name, self.fields)
                message = f"unknown {self.what} '{shortened(name)}'{hint}"
                findings.error(self.code, message, key, where)
            else:
                _check_field(known, name, key, value, where, findings)
        self._check_presence(node, path, findings)

    def _check_presence(self, node: MappingNode, path: str, findings: Findings) -> None:
        for name, known in self.fields.items():
            if known.required and name not in node.entries:
                message = f"the key '{name}' is missing: {known.description}"
                findings.error("missing_key", message, node, path)
        for first, second in self.exclusive:
            if first in node.entries and second in node.entries:
                message = f"'{first}' and '{second}' cannot be used together"
                findings.error("exclusive_keys", message, node.entries[second][0], path)
        if len(node.entries) < self.least:
            message = f"expected a map with at least one {self.what}, found an empty one"
            findings.error("empty_value", message, node, path)

    def expected(self) -> str:
        return "a map"

    def schema(self) -> Schema:
        schema: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"description": known.description, **known.shape.schema()}
                for name, known in self.fields.items()
            },
        }
        if required := [name for name, known in self.fields.items() if known.required]:
            schema["required"] = required
        if self.least:
            schema["minProperties"] = self.least
        if self.exclusive:
            schema["not"] = {"anyOf": [{"required": list(pair)} for pair in self.exclusive]}
        return schema


def _check_field(
    known: Field, name: str, key: ScalarNode, value: Node, path: str, findings: Findings
) -> None:
    known.shape.check(value, path, findings)
    if known.no_effect is not None:
        findings.notice("no_effect", f"'{name}' has no effect: {known.no_effect}", key, path)
    if known.unsupported is not None:
        findings.unsupported(known.unsupported, name, key, path)


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from names of one form to values of one shape."""

    value: Shape
    name: Form | None = None
    least: int = 0
    what: str = "a map"

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, MappingNode):
            wrong_type(self, node, path, findings)
            return
        for name, (key, value) in node.entries.items():
            where = f"{path}.{name}"
            if self.name is not None and (refusal := self.name.refusal(name)) is not None:
                findings.error(self.name.code, refusal, key, where)
            self.value.check(value, where, findings)
        if len(node.entries) < self.least:
            findings.error("empty_value", f"expected {self.what}, found an empty map", node, path)

    def expected(self) -> str:
        return self.what

    def schema(self) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self.value.schema()}
        if self.name is not None and self.name.pattern is not None:
            schema["propertyNames"] = {"pattern": self.name.pattern}
        if self.least:
            schema["minProperties"] = self.least
        return schema


@dataclass(frozen=True, slots=True)
class NamedOrOf:
    """A map in which some names have shapes of their own and all others share one."""

    named: Mapping[str, Shape]
    other: Shape
    least: int = 0

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, MappingNode):
            wrong_type(self, node, path, findings)
            return
        for name, (_, value) in node.entries.items():
            self.named.get(name, self.other).check(value, f"{path}.{name}", findings)
        if len(node.entries) < self.least:
            findings.error("empty_value", "this map is empty", node, path)

    def expected(self) -> str:
        return "a map"

    def schema(self) -> Schema:
        return {
            "type": "object",
            "minProperties": self.least,
            "properties": {name: shape.schema() for name, shape in self.named.items()},
            "additionalProperties": self.other.schema(),
        }


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape."""

    item: Shape
    least: int = 1
    what: str = "a list"

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, SequenceNode):
            wrong_type(self, node, path, findings)
            return
        for index, item in enumerate(node.items):
            self.item.check(item, f"{path}[{index}]", findings)
        if len(node.items) < self.least:
            findings.error("empty_value", f"expected {self.what}, found an empty list", node, path)

    def expected(self) -> str:
        return self.what

    def schema(self) -> Schema:
        schema: Schema = {"type": "array", "items": self.item.schema()}
        if self.least:
            schema["minItems"] = self.least
        return schema


@dataclass(frozen=True, slots=True)
class Either:
    """One shape per kind of node; the kind decides, so messages stay to the point."""

    scalar: Shape | None = None
    sequence: Shape | None = None
    mapping: Shape | None = None
    null: bool = False

    def check(self, node: Node, path: str, findings: Findings) -> None:
        shape = self._shape(node)
        if self.null and isinstance(node, ScalarNode) and node.value is None:
            return
        if shape is None:
            wrong_type(self, node, path, findings)
        else:
            shape.check(node, path, findings)

    def _shape(self, node: Node) -> Shape | None:
        if isinstance(node, ScalarNode):
            # Nothing, or text where only an expression may stand, is reported as what could
            # stand here, not as a bad scalar.
            if node.value is None or (
                isinstance(self.scalar, Whole) and not self.scalar.accepts(node)
            ):
                return None
            return self.scalar
        return self.sequence if isinstance(node, SequenceNode) else self.mapping

    def _shapes(self) -> list[Shape]:
        return [shape for shape in (self.scalar, self.sequence, self.mapping) if shape is not None]

    def expected(self) -> str:
        return " or ".join(shape.expected() for shape in self._shapes())

    def schema(self) -> Schema:
        options = [shape.schema() for shape in self._shapes()]
        if self.null:
            options.append({"type": "null"})
        return {"anyOf": options} if len(options) > 1 else options[0]
