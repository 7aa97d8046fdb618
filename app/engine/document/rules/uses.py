"""`uses`: which action a step means, its inputs, and which workflow a job calls."""

import re
from collections.abc import Mapping

from app.engine.document.actions import Action, resolve
from app.engine.document.dialect.forms import is_remote_workflow
from app.engine.document.findings import Findings, shortened
from app.engine.document.nodes import MappingNode, Node, ScalarNode, child, entries, items
from app.engine.document.rules.graph import step_lists
from app.engine.document.rules.instead import instead_of

_REMOTE = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(?:/[^\s@]+)?@[^\s@]+\Z")
_WITHOUT_REF = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(?:/[^\s@]+)?\Z")


def check_uses(root: Node, actions: Mapping[str, Action], findings: Findings) -> None:
    """Report unknown and unavailable actions, their unknown inputs, and remote workflows."""
    for path, steps in step_lists(root).items():
        for index, step in enumerate(steps):
            _check_step(step, f"{path}[{index}]", actions, findings)
    for key, job in entries(child(root, "jobs")):
        node = child(job, "uses")
        if isinstance(node, ScalarNode) and is_remote_workflow(node.text):
            message = (
                f"'{shortened(node.text)}' is a workflow of another repository, which this "
                "installation cannot fetch; copy it to './.github/workflows/'"
            )
            path = f"jobs.{key.text}.uses"
            findings.error("remote_workflow_unavailable", message, node, path)


def _check_step(step: Node, path: str, actions: Mapping[str, Action], findings: Findings) -> None:
    for index, inner in enumerate(items(child(step, "parallel"))):
        _check_step(inner, f"{path}.parallel[{index}]", actions, findings)
    node = child(step, "uses")
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str) or not node.text:
        return
    name = resolve(node.text, actions)
    if name is not None:
        _check_inputs(step, name, actions[name], path, findings)
    else:
        _check_other(node, f"{path}.uses", actions, findings)


def _check_other(
    node: ScalarNode, path: str, actions: Mapping[str, Action], findings: Findings
) -> None:
    uses, shown = node.text, shortened(node.text)
    if uses.startswith("./"):
        if ".." in uses.split("/"):
            findings.error("invalid_uses", f"'{shown}' leaves the workspace", node, path)
    elif uses.startswith("docker://") or _REMOTE.match(uses):
        name = uses.partition("@")[0].rstrip("/")
        instead = instead_of(name) or findings.near(name.rpartition("/")[2], actions)
        message = (
            f"the action '{shown}' is not part of this installation and cannot be fetched{instead}"
        )
        findings.error("remote_action_unavailable", message, node, path)
    elif _WITHOUT_REF.match(uses):
        message = f"'{shown}' names no version; expected '{shown}@REF' or './{shown}'"
        findings.error("invalid_uses", message, node, path)
    else:
        message = f"there is no action '{shown}'{findings.near(uses.partition('@')[0], actions)}"
        findings.error("unknown_action", message, node, path)


def _check_inputs(step: Node, name: str, action: Action, path: str, findings: Findings) -> None:
    given = child(step, "with")
    if given is not None and not isinstance(given, MappingNode):
        return  # one expression; what it holds is known when it runs
    known = {declared.lower(): declared for declared in action.inputs}
    seen = set()
    for key, _ in entries(given):
        where = f"{path}.with.{key.text}"
        declared = known.get(key.text.lower())
        if declared is None:
            message = f"'{name}' has no input '{key.text}'{findings.near(key.text, action.inputs)}"
            findings.error("unknown_input", message, key, where)
            continue
        seen.add(declared)
        if (reason := action.inputs[declared].no_effect) is not None:
            findings.notice("no_effect", f"'{key.text}' has no effect: {reason}", key, where)
    for declared, described in action.inputs.items():
        if described.required and declared not in seen:
            message = f"'{name}' needs the input '{declared}': {described.description}"
            node = child(step, "uses")
            assert node is not None
            findings.error("missing_input", message, node, f"{path}.with")
