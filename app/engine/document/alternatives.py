"""The vocabulary in which the dialect is described: maps that one of their keys tells apart."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.document.findings import Findings, joined, shortened
from app.engine.document.nodes import MappingNode, Node, ScalarNode, child
from app.engine.document.shapes import Schema, wrong_type
from app.engine.document.structures import Fields


@dataclass(frozen=True, slots=True)
class ByValue:
    """Maps whose fields depend on the value of one key.

    `default` is the shape when the key is missing, `unknown` when its value is none of `kinds`.
    """

    key: str
    kinds: Mapping[str, Fields]
    default: Fields
    unknown: Fields

    def check(self, node: Node, path: str, findings: Findings) -> None:
        value = child(node, self.key)
        if value is None:
            self.default.check(node, path, findings)
        else:
            kind = value.text if isinstance(value, ScalarNode) else ""
            self.kinds.get(kind, self.unknown).check(node, path, findings)

    def expected(self) -> str:
        return "a map"

    def schema(self) -> Schema:
        kinds = [kind.schema() for kind in self.kinds.values()]
        for schema in kinds:
            schema["required"] = [*schema.get("required", ()), self.key]
        if self.default is not self.unknown:
            kinds.append(self.default.schema())
        return {"anyOf": kinds}


@dataclass(frozen=True, slots=True)
class Variants:
    """Maps that are told apart by the one key of `variants` that they have.

    `default` is the shape when there is none of them; None makes that an error.
    """

    variants: Mapping[str, Fields]
    default: Fields | None = None
    what: str = "a map"

    def check(self, node: Node, path: str, findings: Findings) -> None:
        if not isinstance(node, MappingNode):
            wrong_type(self, node, path, findings)
            return
        present = [name for name in self.variants if name in node.entries]
        if len(present) > 1:
            message = f"'{present[0]}' and '{present[1]}' cannot be used together"
            findings.error("exclusive_keys", message, node.entries[present[1]][0], path)
        elif present:
            self._check_variant(self.variants[present[0]], present[0], node, path, findings)
        elif self.default is not None:
            self.default.check(node, path, findings)
        else:
            self._none_present(node, path, findings)

    def _none_present(self, node: MappingNode, path: str, findings: Findings) -> None:
        known = set().union(*(variant.fields for variant in self.variants.values()))
        for name, (key, _) in node.entries.items():
            if name not in known:
                message = f"unknown key '{shortened(name)}'{findings.near(name, known)}"
                findings.error("unknown_key", message, key, f"{path}.{name}")
        message = f"expected one of the keys {joined(self.variants)}"
        findings.error("missing_key", message, node, path)

    def _check_variant(
        self, variant: Fields, name: str, node: MappingNode, path: str, findings: Findings
    ) -> None:
        others = set().union(*(other.fields for other in self.variants.values()))
        if self.default is not None:
            others |= set(self.default.fields)
        misplaced = [key for key in node.entries if key in others and key not in variant.fields]
        for key in misplaced:
            message = f"'{key}' cannot be used together with '{name}'"
            findings.error("exclusive_keys", message, node.entries[key][0], f"{path}.{key}")
        if not misplaced:
            variant.check(node, path, findings)
            return
        rest = {key: entry for key, entry in node.entries.items() if key not in misplaced}
        variant.check(MappingNode(rest, node.line, node.column), path, findings)

    def expected(self) -> str:
        return self.what

    def schema(self) -> Schema:
        shapes = [*self.variants.values(), *([self.default] if self.default else [])]
        return {"anyOf": [_requiring(shape, self.variants) for shape in shapes]}


def _requiring(shape: Fields, variants: Mapping[str, Fields]) -> Schema:
    schema = shape.schema()
    named = [name for name, variant in variants.items() if variant is shape]
    if named:
        schema["required"] = sorted({*schema.get("required", ()), *named})
    return schema
