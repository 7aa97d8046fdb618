"""Reading inventories: which groups and hosts there are, and which variables they set."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from app.ansible.models import FileFormat
from app.ansible.reading import Wrong, at, documents, entries

MAX_HOSTS = 10_000
_MAX_DEPTH = 50
_MAX_NAMES = 100_000
_SECTION = re.compile(r"\[([^\[\]:\s]+)(?::(children|vars))?\]")
_RANGE = re.compile(r"\[([A-Za-z0-9]+):([A-Za-z0-9]+)(?::([0-9]+))?\]")


@dataclass(slots=True)
class Group:
    """A group. `hosts` are its own, without those of its children."""

    name: str
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Inventory:
    """Groups by name, and the variables of each host; values are not read."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, dict[str, None]] = field(default_factory=dict)
    names: int = 0

    def group(self, name: str) -> Group:
        """The group of this name, made when it is new."""
        return self.groups.setdefault(name, Group(name))

    def count(self, line: int) -> None:
        """One more name was read. Aliases of YAML can say the same ones without end.

        Raises: Wrong.
        """
        self.names += 1
        if self.names > _MAX_NAMES:
            raise Wrong("it says too much", line)

    def add(self, group: str, host: str, line: int) -> dict[str, None]:
        """Put a host into a group; returns its variables.

        Raises: Wrong when there are too many.
        """
        self.count(line)
        self.group(group).hosts[host] = None
        if host not in self.hosts and len(self.hosts) >= MAX_HOSTS:
            raise Wrong(f"it has more than {MAX_HOSTS} hosts", line)
        return self.hosts.setdefault(host, {})


def read_inventory(text: str, format: FileFormat) -> Inventory:
    """What an inventory says.

    Raises: Wrong.
    """
    return _ini(text) if format is FileFormat.INI else _yaml(text)


def _yaml(text: str) -> Inventory:
    found = documents(text)
    if len(found) > 1:
        raise Wrong("an inventory is one document", 1)
    inventory = Inventory()
    if found and (root := found[0].root) is not None:
        for name, node in entries(root, "an inventory"):
            _yaml_group(inventory, name, node, 0)
    return inventory


def _yaml_group(inventory: Inventory, name: str, node: yaml.Node, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise at(node, "groups are nested too deeply")
    group = inventory.group(name)
    inventory.count(node.start_mark.line + 1)
    for key, value in entries(node, f"the group {name!r}"):
        match key:
            case "hosts":
                _yaml_hosts(inventory, name, value)
            case "children":
                for child, inner in entries(value, f"children of {name!r}"):
                    group.children[child] = None
                    _yaml_group(inventory, child, inner, depth + 1)
            case "vars":
                group.variables.update(dict.fromkeys(_names(value, f"vars of {name!r}")))
            case _:
                raise at(value, f"a group has hosts, children and vars, not {key!r}")


def _yaml_hosts(inventory: Inventory, group: str, node: yaml.Node) -> None:
    line = node.start_mark.line + 1
    for pattern, variables in entries(node, f"hosts of {group!r}"):
        names = _names(variables, f"the host {pattern!r}")
        for host in _expanded(pattern, line):
            inventory.add(group, host, line).update(dict.fromkeys(names))


def _names(node: yaml.Node, what: str) -> list[str]:
    return [name for name, _ in entries(node, what)]


def _ini(text: str) -> Inventory:
    inventory = Inventory()
    section, kind = "ungrouped", "hosts"
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped.startswith("[") and (named := _SECTION.match(stripped)):
            section, kind = named[1], named[2] or "hosts"
            inventory.group(section)
            continue
        _ini_line(inventory, section, kind, stripped, number)
    return inventory


def _ini_line(inventory: Inventory, section: str, kind: str, line: str, number: int) -> None:
    match kind:
        case "vars":
            inventory.group(section).variables[_variable(line, number)] = None
        case "children":
            if len(line.split("#")[0].split()) != 1:
                raise Wrong("a child is the name of a group", number)
            child = line.split("#")[0].strip()
            inventory.group(child)
            inventory.group(section).children[child] = None
        case _:
            _ini_hosts(inventory, section, line, number)


def _ini_hosts(inventory: Inventory, section: str, line: str, number: int) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise Wrong(f"this line cannot be read: {error}", number) from None
    names = dict.fromkeys(_variable(word, number) for word in words[1:])
    for host in _expanded(words[0], number):
        inventory.add(section, host, number).update(names)


def _variable(text: str, line: int) -> str:
    name, equals, _ = text.partition("=")
    if not equals or not name.strip():
        raise Wrong(f"a variable is NAME=VALUE, not {text[:100]!r}", line)
    return name.strip()


def _expanded(pattern: str, line: int) -> Iterator[str]:
    """`web[01:03]` is web01, web02 and web03."""
    if pattern.startswith("[") and not _RANGE.match(pattern):
        raise Wrong(f"{pattern!r} is neither a section nor a host", line)
    parts = _RANGE.split(pattern)
    texts, total = [[parts[0]]], 1
    for low, high, step, rest in zip(*(parts[n::4] for n in range(1, 5)), strict=True):
        values = _range(low, high, int(step or 1), line)
        total *= len(values)
        if total > MAX_HOSTS:
            raise Wrong(f"{pattern!r} is more than {MAX_HOSTS} hosts", line)
        texts += [values, [rest]]
    return ("".join(each) for each in product(*texts))


def _range(low: str, high: str, step: int, line: int) -> list[str]:
    if low.isdigit() and high.isdigit() and step and max(len(low), len(high)) <= 9:
        first, last = int(low), int(high)
        if first <= last and (last - first) // step < MAX_HOSTS:
            width = len(low) if low.startswith("0") else 0
            return [str(each).zfill(width) for each in range(first, last + 1, step)]
    elif len(low) == len(high) == 1 and step and low.isalpha() and high.isalpha() and low <= high:
        return [chr(each) for each in range(ord(low), ord(high) + 1, step)]
    raise Wrong(f"[{low}:{high}] is no range", line)
