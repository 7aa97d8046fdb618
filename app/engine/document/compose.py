"""YAML text to nodes.

libyaml reads the events (fifteen times faster than a parser in Python, and it limits nesting
itself); scalars are resolved here by YAML 1.2, because PyYAML's own resolver is that of 1.1, where
`on` is a boolean. Everything that would make a small file expensive is refused while composing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from app.engine.definition import Diagnostic, Position
from app.engine.document.findings import MAX_ERRORS
from app.engine.document.nodes import MappingNode, Node, ScalarNode, SequenceNode, position
from app.engine.document.scalars import UnknownTag, no_meaning, resolve
from app.engine.document.yaml_hints import yaml_hint

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 200_000
"""Nodes after aliases are expanded: more than any honest file of 1 MiB holds."""
_TEXT_OF_A_NODE = 256
"""So many characters count like one more node, for a long text may have many aliases."""
_OLD_BREAKS = "\x85\u2028\u2029"

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_TOO_DEEP = f"more than {MAX_DEPTH} levels of nesting"


class Unreadable(Exception):
    """The text is not a YAML document that may be used; holds the one reason."""

    def __init__(self, code: str, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic("error", code, message, Position(line, column))


@dataclass(slots=True)
class Composed:
    """The root node, and what is wrong with keys: such a file is still worth checking.

    `source` is the text to which the offsets of the nodes refer.
    """

    root: Node
    source: str
    findings: list[Diagnostic]


def compose(text: str) -> Composed:
    """Read one YAML document.

    Parameters:
        text: the file without byte-order mark.

    Raises:
        Unreadable: bad syntax, too large, too deep, alias bombs, more than one document, empty.
    """
    _refuse_oversize(text)
    if text.lstrip().startswith("{"):
        text = _as_flow(text)
    hidden, restore = _without_old_breaks(text)
    try:
        loader = _LOADER(hidden)
        try:
            root, findings = _Composer(loader.get_event, restore).document()
            return Composed(root, text, findings)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _unreadable(error, text) from error


def _refuse_oversize(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        message = "a lone surrogate is not a character"
        raise _at_offset("invalid_character", message, text, error.start) from error
    if size > MAX_BYTES:
        message = f"the file has {size} bytes; at most {MAX_BYTES} are allowed"
        raise Unreadable("file_too_large", message, 1, 1)


def _without_old_breaks(text: str) -> tuple[str, dict[int, str]]:
    """The text with what only YAML 1.1 takes for line breaks hidden, and how to undo that."""
    present = [character for character in _OLD_BREAKS if character in text]
    if not present:
        return text, {}
    used = set(text)
    free = (character for character in map(chr, range(0xE000, 0xF900)) if character not in used)
    stand_ins = dict(zip(present, free, strict=False))
    restore = {ord(stand_in): character for character, stand_in in stand_ins.items()}
    return text.translate({ord(old): new for old, new in stand_ins.items()}), restore


def _as_flow(text: str) -> str:
    """JSON that libyaml refuses, as YAML: tabs in the indentation and pairs of surrogates."""
    text = _INDENTATION.sub(lambda found: found[0].replace("\t", " "), text)
    return _SURROGATES.sub(_joined_pair, text)


def _joined_pair(found: re.Match[str]) -> str:
    return found[1] + (found[2] + found[3]).encode().decode("unicode_escape").encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")


def _at_offset(code: str, message: str, text: str, offset: int) -> Unreadable:
    line = text.count("\n", 0, offset) + 1
    return Unreadable(code, message, line, offset - text.rfind("\n", 0, offset))


def _unreadable(error: yaml.YAMLError, text: str) -> Unreadable:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a ReaderError knows only the offset
        message = f"a character that YAML does not allow: {getattr(error, 'reason', error)}"
        return _at_offset("invalid_character", message, text, getattr(error, "position", 0))
    line, column = mark.line + 1, mark.column + 1
    source = (text.split("\n", line)[mark.line :] or [""])[0]
    indent = source[: len(source) - len(source.lstrip())]
    if "\t" in indent:
        message = "a tab in the indentation; YAML indents with spaces only"
        return Unreadable("tab_indentation", message, line, indent.index("\t") + 1)
    problem = getattr(error, "problem", None) or "unreadable"
    if "nesting depth" in problem:
        return Unreadable("too_deep", _TOO_DEEP, line, column)
    context = getattr(error, "context", None)
    detail = f"{context}: {problem}" if context else problem
    begin = getattr(error, "context_mark", None) or mark
    hint = yaml_hint(problem, begin.line + 1)
    return Unreadable("invalid_yaml", f"not valid YAML: {detail}{hint}", line, column)


class _Composer:
    def __init__(self, next_event: Callable[[], yaml.Event], restore: dict[int, str]) -> None:
        self._next = next_event
        self._restore = restore
        self._anchors: dict[str, Node | None] = {}
        self._findings: list[Diagnostic] = []
        self._nodes = 0

    def document(self) -> tuple[Node, list[Diagnostic]]:
        self._next()  # stream start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise Unreadable("empty_file", "the file is empty; expected a map with 'jobs'", 1, 1)
        root = self._node(self._next(), 1)
        self._next()  # document end
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            mark = after.start_mark
            message = "a second document begins here; a pipeline file is one document"
            raise Unreadable("multiple_documents", message, mark.line + 1, mark.column + 1)
        return root, self._findings

    def _node(self, event: yaml.Event, depth: int) -> Node:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if depth > MAX_DEPTH:
            raise Unreadable("too_deep", _TOO_DEEP, line, column)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, depth, line, column)
        self._count(1, line, column)
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None  # in progress: an alias inside would be endless
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, line, column)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth, line, column)
        else:
            node = self._mapping(event, depth, line, column)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _count(self, nodes: int, line: int, column: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES} values once its aliases are expanded"
            raise Unreadable("too_many_nodes", message, line, column)

    def _alias(self, anchor: str, depth: int, line: int, column: int) -> Node:
        if anchor not in self._anchors:
            message = f"unknown anchor '{anchor}'; define it as '&{anchor}' before it is used"
            raise Unreadable("unknown_anchor", message, line, column)
        target = self._anchors[anchor]
        if target is None:
            message = f"the anchor '{anchor}' is used inside itself"
            raise Unreadable("recursive_anchor", message, line, column)
        if depth + target.height > MAX_DEPTH:
            raise Unreadable("too_deep", _TOO_DEEP, line, column)
        self._count(target.size, line, column)
        return target

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> ScalarNode:
        text = event.value.translate(self._restore) if self._restore else event.value
        try:
            value = resolve(text, event.tag, plain=event.implicit[0])
        except UnknownTag as error:
            raise Unreadable("unsupported_tag", str(error), line, column) from error
        start, end = event.start_mark.index, event.end_mark.index
        size = 1 + len(text) // _TEXT_OF_A_NODE
        return ScalarNode(value, text, line, column, start, end, size=size)

    def _sequence(self, event: yaml.Event, depth: int, line: int, column: int) -> SequenceNode:
        _refuse_tag(event, "tag:yaml.org,2002:seq")
        node = SequenceNode([], line, column)
        while not isinstance(item := self._next(), yaml.SequenceEndEvent):
            value = self._node(item, depth + 1)
            node.items.append(value)
            _grow(node, value)
        return node

    def _mapping(self, event: yaml.Event, depth: int, line: int, column: int) -> MappingNode:
        _refuse_tag(event, "tag:yaml.org,2002:map")
        node = MappingNode({}, line, column)
        merged: list[Node] = []
        seen: dict[str, ScalarNode] = {}
        while not isinstance(item := self._next(), yaml.MappingEndEvent):
            key = self._node(item, depth + 1)
            value = self._node(self._next(), depth + 1)
            _grow(node, value)
            if isinstance(key, ScalarNode) and key.text == "<<" and key.end - key.start == 2:
                merged.append(value)
            elif self._accepts(key, seen):
                assert isinstance(key, ScalarNode)
                node.entries[key.text] = (key, value)
        for source in merged:
            self._merge(node, source)
        return node

    def _accepts(self, key: Node, seen: dict[str, ScalarNode]) -> bool:
        if not isinstance(key, ScalarNode) or not isinstance(key.value, str):
            shown = f"'{key.text}'" if isinstance(key, ScalarNode) else "a list or map"
            message = f"{shown} is not a string; a key must be one (put it in quotes)"
            self._finding("non_string_key", message, key)
            return False
        first = seen.setdefault(key.text.casefold(), key)
        if first is not key:
            message = f"'{key.text}' is already defined in line {first.line}"
            if key.text != first.text:
                message += f" as '{first.text}'; keys are compared without case"
            self._finding("duplicate_key", message, key)
            return False
        return True

    def _merge(self, node: MappingNode, source: Node) -> None:
        for mapping in source.items if isinstance(source, SequenceNode) else [source]:
            if not isinstance(mapping, MappingNode):
                self._finding("invalid_merge", "'<<' merges a map or a list of maps", mapping)
                continue
            for key, entry in mapping.entries.items():
                node.entries.setdefault(key, entry)

    def _finding(self, code: str, message: str, node: Node) -> None:
        if len(self._findings) < MAX_ERRORS:
            self._findings.append(Diagnostic("error", code, message, position(node)))


def _refuse_tag(event: yaml.Event, expected: str) -> None:
    if event.tag not in (None, "!", expected):
        mark = event.start_mark
        message = no_meaning(event.tag)
        raise Unreadable("unsupported_tag", message, mark.line + 1, mark.column + 1)


def _grow(node: SequenceNode | MappingNode, value: Node) -> None:
    node.size += value.size
    if value.height >= node.height:
        node.height = value.height + 1
