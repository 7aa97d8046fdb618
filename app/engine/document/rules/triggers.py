"""`on:`: inputs fit their types, schedules have times, filters include something."""

from app.engine.document.findings import Findings, near, shortened
from app.engine.document.nodes import Node, ScalarNode, SequenceNode, child, entries, scalars
from app.engine.document.shapes import has_expression
from app.engine.expressions import to_text

MAX_DISPATCH_INPUTS = 25
_PATTERNS = ("branches", "tags", "paths")


def check_triggers(root: Node, findings: Findings) -> None:
    """Report what the shapes of `on` cannot tell."""
    on = child(root, "on")
    for node in scalars(on):
        if node.text == "schedule":
            message = "'schedule' needs times: write 'schedule:' with a list of 'cron'"
            findings.error("missing_key", message, node, "on")
    if isinstance(on, SequenceNode):
        _check_repeated(on, findings)
    for key, event in entries(on):
        _check_patterns(event, f"on.{key.text}", findings)
    _check_inputs(child(on, "workflow_dispatch"), "on.workflow_dispatch.inputs", findings)
    _check_inputs(child(on, "workflow_call"), "on.workflow_call.inputs", findings)
    inputs = child(child(on, "workflow_dispatch"), "inputs")
    if inputs is not None and len(entries(inputs)) > MAX_DISPATCH_INPUTS:
        message = f"at most {MAX_DISPATCH_INPUTS} inputs are allowed"
        findings.error("too_many_inputs", message, inputs, "on.workflow_dispatch.inputs")


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


def _check_inputs(event: Node | None, path: str, findings: Findings) -> None:
    for key, declared in entries(child(event, "inputs")):
        where = f"{path}.{key.text}"
        kind_node = child(declared, "type")
        kind = kind_node.text if isinstance(kind_node, ScalarNode) else None
        default = child(declared, "default")
        options = scalars(child(declared, "options"))
        if kind == "choice" and not options:
            message = "an input of type 'choice' needs 'options', a list of strings"
            findings.error("missing_key", message, kind_node or key, where)
        elif options and kind != "choice":
            message = "'options' belongs to an input of type 'choice'"
            findings.error("exclusive_keys", message, options[0], f"{where}.options")
        if isinstance(default, ScalarNode) and not has_expression(default):
            _check_default(kind, default, options, f"{where}.default", findings)


def _check_default(
    kind: str | None,
    node: ScalarNode,
    options: list[ScalarNode],
    path: str,
    findings: Findings,
) -> None:
    value = node.value
    if value is None or kind is None:
        return
    if not _fits(kind, value):
        article = "a string" if kind in ("string", "choice", "environment") else f"a {kind}"
        message = f"the default of an input of type '{kind}' must be {article}, not {_shown(node)}"
        findings.error("invalid_default", message, node, path)
        return
    known = [to_text(option.value) for option in options]
    if kind == "choice" and known and to_text(value) not in known:
        message = f"the default '{shortened(node.text)}' is not an option{near(node.text, known)}"
        findings.error("invalid_default", message, node, path)


def _fits(kind: str, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "choice":
        return True  # options may be numbers or booleans too; they are compared as text
    return isinstance(value, str)


def _shown(node: ScalarNode) -> str:
    return f"the string '{shortened(node.text)}'" if isinstance(node.value, str) else node.text
