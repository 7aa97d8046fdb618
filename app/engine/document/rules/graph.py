"""`needs`: known jobs, no cycles; ids of steps are unique."""

from collections.abc import Mapping

from app.engine.document.findings import Findings
from app.engine.document.nodes import Node, ScalarNode, child, entries, items, scalars

_Needs = dict[str, list[tuple[str, ScalarNode]]]


def check_needs(root: Node, findings: Findings) -> None:
    """Report unknown needs and the first cycle."""
    jobs = child(root, "jobs")
    ids = {key.text.casefold(): key.text for key, _ in entries(jobs)}
    needs: _Needs = {}
    for key, job in entries(jobs):
        needs[key.text] = []
        for node in scalars(child(job, "needs")):
            known = ids.get(node.text.casefold())
            if known is not None:
                needs[key.text].append((known, node))
            elif node.text.strip():
                message = (
                    f"the job '{node.text}' does not exist{findings.near(node.text, ids.values())}"
                )
                findings.error("unknown_need", message, node, f"jobs.{key.text}.needs")
    cycle = _cycle(needs)
    if cycle:
        names = [name for name, _ in cycle]
        message = f"these jobs wait for each other: {' → '.join([names[-1], *names])}"
        findings.error("needs_cycle", message, cycle[0][1], f"jobs.{names[-1]}.needs")


def _cycle(needs: _Needs) -> list[tuple[str, ScalarNode]]:
    """The edges of one cycle, in order; an edge is the job needed and where that is written."""
    done: set[str] = set()
    for start in needs:
        path: list[tuple[str, ScalarNode]] = []
        on_path = {start: 0}
        pending = [iter(needs[start])]
        while pending:
            edge = next(pending[-1], None)
            if edge is None:
                pending.pop()
                finished = path.pop()[0] if path else start
                on_path.pop(finished, None)
                done.add(finished)
            elif edge[0] in on_path:
                return [*path[on_path[edge[0]] :], edge]
            elif edge[0] not in done:
                path.append(edge)
                on_path[edge[0]] = len(path)
                pending.append(iter(needs[edge[0]]))
    return []


def check_step_ids(root: Node, findings: Findings) -> None:
    """Report step ids that are used twice in a job; they are compared without case."""
    for path, steps in step_lists(root).items():
        seen: dict[str, ScalarNode] = {}
        for index, step in enumerate(steps):
            node = child(step, "id")
            if not isinstance(node, ScalarNode) or not node.text:
                continue
            first = seen.setdefault(node.text.casefold(), node)
            if first is not node:
                message = f"the step id '{node.text}' is already used in line {first.line}"
                findings.error("duplicate_step_id", message, node, f"{path}[{index}].id")


def step_lists(root: Node) -> Mapping[str, list[Node]]:
    """The steps of each job by the path of their list; those of `parallel` are not among them."""
    lists = {
        f"jobs.{key.text}.steps": items(child(job, "steps"))
        for key, job in entries(child(root, "jobs"))
    }
    return lists | ({"steps": items(child(root, "steps"))} if child(root, "steps") else {})
