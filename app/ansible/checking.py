"""Is this a playbook, is this an inventory? Asked when a text is saved."""

import asyncio

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from app.ansible.errors import AnsibleFileIsInvalid
from app.ansible.inventory import read_inventory
from app.ansible.models import FileFormat, FileKind
from app.ansible.reading import Wrong, at, documents, entries
from app.core.schemas import FieldError


async def check_content(kind: FileKind, format: FileFormat, content: str) -> None:
    """Read a text whole; in a thread, as a long one takes a while.

    Raises: AnsibleFileIsInvalid.
    """
    try:
        await asyncio.to_thread(_check, kind, format, content)
    except Wrong as error:
        found = FieldError(
            location=["body", "content"],
            line=error.line,
            column=error.column,
            code="ansible",
            message=error.message,
        )
        detail = f"line {error.line}, column {error.column}: {error.message}"
        raise AnsibleFileIsInvalid(detail, errors=[found.model_dump()]) from None


def _check(kind: FileKind, format: FileFormat, content: str) -> None:
    if kind is FileKind.INVENTORIES:
        read_inventory(content, format)
    elif format is not FileFormat.YAML:
        raise Wrong("a playbook is YAML", 1)
    else:
        _check_playbook(content)


def _check_playbook(content: str) -> None:
    plays = 0
    for document in documents(content):
        if document.root is None:
            continue
        if not isinstance(document.root, yaml.SequenceNode):
            raise at(document.root, "a playbook is a list of plays")
        for play in document.root.value:
            _check_play(play)
            plays += 1
    if not plays:
        raise Wrong("a playbook has at least one play", 1)


def _check_play(node: yaml.Node) -> None:
    play = dict(entries(node, "a play"))
    if not play.keys() & {"hosts", "import_playbook", "ansible.builtin.import_playbook"}:
        raise at(node, "a play needs 'hosts', or is an 'import_playbook'")
    for part in ("tasks", "pre_tasks", "post_tasks", "handlers"):
        tasks = play.get(part)
        if tasks is None or isinstance(tasks, yaml.ScalarNode):
            continue
        if not isinstance(tasks, yaml.SequenceNode):
            raise at(tasks, f"{part!r} is a list of tasks")
        for task in tasks.value:
            entries(task, "a task")
