"""`on:`: inputs fit their types, schedules have times, filters include something."""

from app.engine.document.dialect.events import ACTIVITIES as EVENTS
from app.engine.document.findings import Findings, shortened
from app.engine.document.nodes import Node, ScalarNode, SequenceNode, child, entries, scalars
from app.engine.expressions import to_text

MAX_DISPATCH_INPUTS = 25
_PATTERNS = ("branches", "tags", "paths")
STARTING = frozenset((
    "create", "delete", "pull_request", "push", "release", "schedule", "workflow_call",
    "workflow_dispatch", "workflow_run",
))  # fmt: skip
"""The events that start executions here; see docs/repositories.md."""
_UNSENT = frozenset({"requested", "in_progress"})


def check_triggers(root: Node, findings: Findings) -> None:
    """Report what the shapes of `on` cannot tell."""
    on = child(root, "on")
    for node in scalars(on):
        if node.text == "schedule":
            message = "'schedule' needs times: write 'schedule:' with a list of 'cron'"
            findings.error("missing_key", message, node, "on")
    if isinstance(on, SequenceNode):
        _check_repeated(on, findings)
    _check_starting(on, findings)
    for key, event in entries(on):
        _check_patterns(event, f"on.{key.text}", findings)
    for node in scalars(child(child(on, "workflow_run"), "types")):
        if node.text in _UNSENT:
            message = f"'{node.text}' has no effect: only the end of a run ('completed') is told"
            findings.notice("no_effect", message, node, "on.workflow_run.types")
    _check_choices(child(on, "workflow_dispatch"), "on.workflow_dispatch.inputs", findings)
    inputs = child(child(on, "workflow_dispatch"), "inputs")
    if inputs is not None and len(entries(inputs)) > MAX_DISPATCH_INPUTS:
        message = f"at most {MAX_DISPATCH_INPUTS} inputs are allowed"
        findings.error("too_many_inputs", message, inputs, "on.workflow_dispatch.inputs")


def _check_starting(on: Node | None, findings: Findings) -> None:
    for node in (*scalars(on), *(key for key, _ in entries(on))):
        if node.text in EVENTS and node.text not in STARTING:
            message = f"'{node.text}' has no effect: AnsFlow starts nothing for this event"
            findings.notice("no_effect", message, node, "on")


def _check_repeated(on: SequenceNode, findings: Findings) -> None:
    seen: set[str] = set()
    for node in scalars(on):
        if node.text in seen:
            findings.warning("repeated_event", f"'{node.text}' is listed twice", node, "on")
        seen.add(node.text)


def _check_patterns(event: Node, path: str, findings: Findings) -> None:
    for name in _PATTERNS:
        patterns = scalars(child(event, name))
        if patterns and all(node.text.startswith("!") for node in patterns):
            message = (
                f"'{name}' has only patterns with '!', so nothing matches; add one without, "
                f"or use '{name}-ignore'"
            )
            findings.error("invalid_filter", message, patterns[0], f"{path}.{name}")


def _check_choices(event: Node | None, path: str, findings: Findings) -> None:
    for key, declared in entries(child(event, "inputs")):
        options = [to_text(option.value) for option in scalars(child(declared, "options"))]
        default = child(declared, "default")
        if not options or not isinstance(default, ScalarNode) or default.value is None:
            continue
        if to_text(default.value) not in options:
            hint = findings.near(default.text, options)
            message = f"the default '{shortened(default.text)}' is not an option{hint}"
            findings.error("invalid_default", message, default, f"{path}.{key.text}.default")
