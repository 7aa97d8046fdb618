"""YAML as Ansible files have it: read as nodes, so that every finding has its place.

Nothing is constructed: tags such as `!vault` mean nothing here, and aliases cost nothing.
"""

from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

MAX_CONTENT = 256 * 1024


class Wrong(Exception):
    """What is wrong where; line and column count from 1."""

    def __init__(self, message: str, line: int, column: int = 1) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file; None: it is empty."""

    root: yaml.Node | None


def documents(text: str) -> list[Document]:
    """The documents of a text.

    Raises: Wrong.
    """
    try:
        return [Document(node) for node in yaml.compose_all(text, Loader=yaml.SafeLoader)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Wrong(str(error.problem or error.context or "it is no YAML"), line, column) from None
    except yaml.YAMLError as error:
        raise Wrong(f"it is no YAML: {str(error).splitlines()[0]}", 1) from None
    except RecursionError:
        raise Wrong("it is nested too deeply", 1) from None


def at(node: yaml.Node, message: str) -> Wrong:
    """Something is wrong at a node."""
    return Wrong(message, node.start_mark.line + 1, node.start_mark.column + 1)


def entries(node: yaml.Node, what: str) -> list[tuple[str, yaml.Node]]:
    """The keys and values of a mapping; an empty value is an empty mapping.

    Raises: Wrong.
    """
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
        return []
    if not isinstance(node, yaml.MappingNode):
        raise at(node, f"{what} must be a mapping")
    found = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise at(key, f"a key of {what} must be a text")
        found.append((str(key.value), value))
    return found
