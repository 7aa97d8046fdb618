"""Nodes made from the jobs of a file: one per job, or one per combination of its matrix."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.engine.definition import Definition, Job
from app.engine.expressions import ExpressionError, has_expression
from app.engine.machine.evaluation import reads
from app.engine.machine.fields import (
    InvalidField,
    early_fields,
    early_strategy,
    evaluated,
    late_fields,
    late_strategy,
)
from app.engine.machine.types import Node
from app.engine.matrix import Combination, InvalidMatrix, display_name, expand, shortened

MAX_KEY_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class Place:
    """Where nodes go. `prefix` begins their keys, `title` their names."""

    parent: str | None = None
    path: tuple[str, ...] = ()
    prefix: str = ""
    title: str = ""

    @classmethod
    def under(cls, call: Node) -> "Place":
        """The place of the nodes of the file that a call uses."""
        return cls(call.key, (*call.path, call.job_id), f"{call.key}/", f"{call.name} / ")


def file_nodes(
    definition: Definition, contexts: Mapping[str, Any], place: Place
) -> tuple[Node, ...]:
    """The nodes of a file, none of them ready yet. A matrix that is known becomes its jobs.

    Parameters:
        contexts: `github`, `inputs`, `vars`; what reads `needs` is left for `completed`.

    Raises:
        InvalidField: the key of a node would be too long.
    """
    nodes: list[Node] = []
    for job in definition.jobs.values():
        strategy = early_strategy(job, contexts)
        if job.strategy.matrix is None:
            single = replace(_bare(job, place, place.prefix + job.id), **strategy)
            nodes.append(_with_fields(job, single, job.name or job.id, contexts, place))
        elif found := _early_matrix(job, contexts):
            nodes.extend(variants(job, found, strategy, contexts, place))
        else:
            stand_in = _bare(job, place, place.prefix + job.id)
            nodes.append(replace(stand_in, kind="matrix", **strategy))
    return tuple(nodes)


def variants(
    job: Job,
    found: tuple[Combination, ...],
    strategy: Mapping[str, Any],
    contexts: Mapping[str, Any],
    place: Place,
) -> list[Node]:
    """The nodes of a matrix, one per combination.

    Parameters:
        strategy: the fields `fail_fast` and `max_parallel`.

    Raises:
        InvalidField: the key of a node would be too long.
    """
    nodes = []
    for index, combination in enumerate(found):
        node = replace(
            _bare(job, place, f"{place.prefix}{job.id}[{index}]"),
            matrix=combination.values,
            matrix_index=index,
            matrix_total=len(found),
            **strategy,
        )
        name = display_name(job.name or job.id, combination.shown)
        nodes.append(_with_fields(job, node, name, contexts, place))
    return nodes


def matrix_of(job: Job, contexts: Mapping[str, Any]) -> tuple[Combination, ...]:
    """The combinations of the job's matrix.

    Raises:
        InvalidField: the matrix cannot be evaluated, or describes no jobs.
    """
    value = evaluated(job, "strategy.matrix", job.strategy.matrix, contexts)
    try:
        return expand(value)
    except InvalidMatrix as error:
        line = job.strategy.position.line
        raise InvalidField(f"The matrix of the job `{job.id}` (line {line}): {error}") from error


def completed(job: Job, node: Node, contexts: Mapping[str, Any], title: str) -> Node:
    """The node with every field that its file computes.

    Parameters:
        contexts: `github`, `inputs`, `vars` and `needs`.
        title: what begins the names at this place.

    Raises:
        InvalidField: a field cannot be evaluated or used.
    """
    node = replace(node, **late_strategy(job, contexts))
    if node.kind == "matrix":
        return node
    fields = late_fields(job, {**contexts, **variant_contexts(node)})
    if "name" in fields:
        fields["name"] = shortened(title + (fields["name"] or job.id))
    return replace(node, **fields)


def variant_contexts(node: Node) -> dict[str, Any]:
    """The contexts `matrix` and `strategy` of a node."""
    total = node.matrix_total
    return {
        "matrix": node.matrix,
        "strategy": {
            "fail-fast": node.fail_fast,
            "job-index": node.matrix_index,
            "job-total": total,
            "max-parallel": total if node.max_parallel is None else node.max_parallel,
        },
    }


def _early_matrix(job: Job, contexts: Mapping[str, Any]) -> tuple[Combination, ...]:
    """The combinations, if there are any and they are known; a stand-in deals with the rest."""
    try:
        return () if reads(job.strategy.matrix, "needs") else matrix_of(job, contexts)
    except (InvalidField, ExpressionError):
        # The stand-in fails with this when its turn comes, where everybody can read it.
        return ()


def _bare(job: Job, place: Place, key: str) -> Node:
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidField(f"The key `{key[:40]}…` is over {MAX_KEY_LENGTH} characters long")
    return Node(
        key=key,
        job_id=job.id,
        name=shortened(place.title + job.id),
        kind="call" if job.uses is not None else "job",
        parent=place.parent,
        path=place.path,
        needs=job.needs,
        reason=blocked_reason(job),
        retry=job.retry,
    )


def blocked_reason(job: Job) -> str | None:
    """Why a node is not ready from the start."""
    if not job.needs:
        return None
    return f"needs {', '.join(f'`{need}`' for need in job.needs)} (line {job.position.line})"


def _with_fields(
    job: Job, node: Node, name: str, contexts: Mapping[str, Any], place: Place
) -> Node:
    fields = early_fields(job, {**contexts, **variant_contexts(node)})
    written = job.name is not None and has_expression(job.name)
    shown = fields.get("name") if written else name
    fields["name"] = shortened(place.title + (shown or job.id))
    return replace(node, **fields)
