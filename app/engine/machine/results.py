"""What ended nodes mean to others: results, the contexts `needs` and `jobs`, status functions."""

from collections.abc import Iterable, Iterator
from typing import Any

from app.engine.machine.graph import Graph, scope_of
from app.engine.machine.types import Node
from app.engine.states import JobStatus

_RESULTS = {
    JobStatus.SUCCESS: "success",
    JobStatus.FAILURE: "failure",
    JobStatus.TIMED_OUT: "failure",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.SKIPPED: "skipped",
}
_FORGIVABLE = frozenset({JobStatus.FAILURE, JobStatus.TIMED_OUT})


def effective(node: Node) -> JobStatus:
    """The status as others see it: `continue-on-error` turns a failure into a success."""
    if node.continue_on_error and node.status in _FORGIVABLE:
        return JobStatus.SUCCESS
    return node.status


def common_status(nodes: Iterable[Node]) -> JobStatus:
    """The status of several ended nodes taken as one: the worst, in the order of this function.

    SKIPPED only when all are skipped; no nodes at all are SKIPPED too.
    """
    found = {effective(node) for node in nodes}
    for status in (JobStatus.FAILURE, JobStatus.TIMED_OUT, JobStatus.CANCELLED):
        if status in found:
            return status
    return JobStatus.SUCCESS if JobStatus.SUCCESS in found else JobStatus.SKIPPED


def result(graph: Graph, scope: str | None, job_id: str) -> str:
    """What `needs.<job_id>.result` shows; a time-out is a `failure`, as GitHub has no word for it.

    Empty while the job has not ended.
    """
    known = graph.results.get((scope, job_id))
    if known is None:
        if not graph.has_ended(scope, job_id):
            return ""
        known = _RESULTS[common_status(graph.group(scope, job_id))]
        graph.results[scope, job_id] = known
    return known


def merged_outputs(nodes: Iterable[Node]) -> dict[str, str]:
    """The outputs of a matrix: for each name the last value that is not empty.

    "Last" is by index and not by time of completion, so that the same results give the same
    outputs whichever job was faster.
    """
    outputs: dict[str, str] = {}
    for node in nodes:
        for name, value in node.outputs.items():
            if value or name not in outputs:
                outputs[name] = value
    return outputs


def job_values(graph: Graph, scope: str | None, job_ids: Iterable[str]) -> dict[str, Any]:
    """The context `needs` or `jobs`: result and outputs by job id.

    Raises:
        KeyError: the snapshot has no node of a job; a part of an execution was too small a part.
    """
    values = {}
    for job_id in job_ids:
        nodes = graph.group(scope, job_id)
        if not nodes:
            raise KeyError(f"the snapshot has no node of the job {job_id!r} in {scope!r}")
        values[job_id] = {
            "result": result(graph, scope, job_id),
            "outputs": merged_outputs(nodes),
        }
    return values


def ancestors(graph: Graph, node: Node) -> Iterator[str]:
    """The job ids that the node needs, directly or through others, the nearest first."""
    jobs = graph.definition(node).jobs
    seen = set(node.needs)
    waiting = list(node.needs)
    for job_id in waiting:
        yield job_id
        further = [need for need in jobs[job_id].needs if need not in seen]
        seen.update(further)
        waiting.extend(further)


def first_with(graph: Graph, node: Node, results: frozenset[str]) -> tuple[str, str] | None:
    """The nearest ancestor with one of these results, and that result."""
    scope = scope_of(node)
    for job_id in ancestors(graph, node):
        found = result(graph, scope, job_id)
        if found in results:
            return job_id, found
    return None
