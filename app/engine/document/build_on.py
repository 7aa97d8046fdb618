"""Nodes that passed the checks to typed values: `on`."""

from typing import cast

from app.engine.definition import (
    CallSecret,
    EventFilter,
    Input,
    InputKind,
    Position,
    Scalar,
    Schedule,
    Triggers,
)
from app.engine.document.nodes import (
    MappingNode,
    Node,
    ScalarNode,
    child,
    entries,
    position,
    scalars,
)
from app.engine.expressions import to_text


def text(node: Node | None) -> str | None:
    """A scalar as text; None when it is missing or empty."""
    if not isinstance(node, ScalarNode) or node.value is None:
        return None
    return node.value if isinstance(node.value, str) else to_text(node.value)


def texts(node: Node | None) -> tuple[str, ...] | None:
    """A string or a list of strings; None when it is missing."""
    return None if node is None else tuple(to_text(item.value) for item in scalars(node))


def scalar(node: Node | None, default: Scalar = None) -> Scalar:
    """A scalar as YAML has it."""
    return node.value if isinstance(node, ScalarNode) and node.value is not None else default


def triggers(on: Node | None) -> Triggers:
    """The value of `on`."""
    call, dispatch = child(on, "workflow_call"), child(on, "workflow_dispatch")
    return Triggers(
        events=tuple(_events(on)),
        schedules=tuple(_schedule(item) for item in getattr(child(on, "schedule"), "items", ())),
        dispatch_inputs=tuple(_inputs(dispatch)),
        call_inputs=tuple(_inputs(call)),
        call_secrets=tuple(
            CallSecret(key.text, scalar(child(secret, "required")) is True)
            for key, secret in entries(child(call, "secrets"))
        ),
        call_outputs={
            key.text: text(child(output, "value")) or ""
            for key, output in entries(child(call, "outputs"))
        },
    )


def _events(on: Node | None) -> list[EventFilter]:
    if isinstance(on, MappingNode):
        return [_event(key.text, value, position(key)) for key, value in entries(on)]
    names: dict[str, ScalarNode] = {}
    for node in scalars(on):
        names.setdefault(node.text, node)
    return [EventFilter(name, position=position(node)) for name, node in names.items()]


def _event(name: str, node: Node, place: Position) -> EventFilter:
    return EventFilter(
        event=name,
        types=texts(child(node, "types")),
        branches=texts(child(node, "branches")),
        branches_ignore=texts(child(node, "branches-ignore")),
        tags=texts(child(node, "tags")),
        tags_ignore=texts(child(node, "tags-ignore")),
        paths=texts(child(node, "paths")),
        paths_ignore=texts(child(node, "paths-ignore")),
        workflows=texts(child(node, "workflows")),
        position=place,
    )


def _schedule(node: Node) -> Schedule:
    zone = text(child(node, "timezone")) or "UTC"
    return Schedule(text(child(node, "cron")) or "", zone, position(node))


def _inputs(event: Node | None) -> list[Input]:
    return [
        Input(
            name=key.text,
            kind=cast(InputKind, text(child(node, "type")) or "string"),
            description=text(child(node, "description")),
            required=scalar(child(node, "required")) is True,
            default=scalar(child(node, "default")),
            options=texts(child(node, "options")) or (),
        )
        for key, node in entries(child(event, "inputs"))
    ]
