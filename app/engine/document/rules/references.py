"""What expressions refer to: `needs`, `steps`, `inputs`, `matrix`, `jobs`, `github`, `runner`.

GitHub evaluates what does not exist to nothing, so these are warnings.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.definition import Position
from app.engine.document.expressions import MAX_EXPRESSIONS, locate, read
from app.engine.document.findings import Findings, Written
from app.engine.document.nodes import MappingNode, Node, ScalarNode, child, entries, scalars
from app.engine.document.rules.graph import step_lists
from app.engine.document.rules.properties import EMPTY_HERE, PROPERTIES
from app.engine.expressions import Path

MAX_WARNINGS = 100
_CHECKED = frozenset({"needs", "steps", "inputs", "matrix", "jobs", *PROPERTIES})


@dataclass(frozen=True, slots=True)
class _Names:
    """What one job may refer to; None is unknown before the run."""

    needs: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    matrix: frozenset[str] | None = frozenset()


def check_expressions(root: Node, source: str, findings: Findings) -> None:
    """Parse all expressions that were found; report bad ones and references to nothing."""
    if source.count("${{") > MAX_EXPRESSIONS:
        message = f"the file has more than {MAX_EXPRESSIONS} expressions"
        findings.error("too_many_expressions", message, root, "")
        return
    jobs = {key.text: job for key, job in entries(child(root, "jobs"))}
    names: dict[str, _Names] = {}
    every = {
        **PROPERTIES,
        "inputs": _inputs(root),
        "jobs": frozenset(name.casefold() for name in jobs),
    }
    warnings = 0
    known_paths: dict[tuple[int, str], list[Path]] = {}
    for written in findings.written:
        paths = _read_once(written, source, findings, known_paths)
        if not paths:
            continue
        job_id = _job_of(written.path)
        if job_id not in names:
            names[job_id] = _names(root, job_id, jobs.get(job_id))
        for context, name in {(path[0], path[1]) for path in paths if len(path) > 1 and path[1]}:
            known = every.get(str(context), getattr(names[job_id], str(context), None))
            if known is None or name.casefold() in known:
                continue
            warnings += 1
            if warnings <= MAX_WARNINGS:
                _warn(written, str(context), name, known, source, findings)


def _read_once(
    written: Written,
    source: str,
    findings: Findings,
    known: dict[tuple[int, str], list[Path]],
) -> list[Path]:
    """The checked references; a text that has many aliases is read and reported once."""
    place = id(written.node), written.key
    if place not in known:
        found = read(written, source, findings)
        known[place] = [path for path in found if path[0] in _CHECKED]
    return known[place]


def _warn(
    written: Written,
    context: str,
    name: str,
    known: Iterable[str],
    source: str,
    findings: Findings,
) -> None:
    place = _place(written, f"{context}.{name}", source)
    if context == "github" and name.casefold() in EMPTY_HERE:
        message = f"'github.{name}' is always empty: AnsFlow has no such value"
        findings.add("notice", "no_effect", message, place, written.path)
        return
    hint = findings.near(name, known)
    if context == "needs":
        hint = f"; '{name}' is not among the 'needs' of this job{hint}"
    message = f"'{context}.{name}' does not exist and is always empty{hint}"
    findings.add("warning", "unknown_reference", message, place, written.path)


def _place(written: Written, reference: str, source: str) -> Position:
    offset = max(written.node.text.lower().find(reference.lower()), 0)
    return locate(source, written.node, offset)


def _job_of(path: str) -> str:
    parts = path.split(".", 2)
    return parts[1] if parts[0] == "jobs" and len(parts) > 1 else ""


def _names(root: Node, job_id: str, job: Node | None) -> _Names:
    path = f"jobs.{job_id}.steps" if job is not None else "steps"
    ids = [child(step, "id") for step in step_lists(root).get(path, [])]
    return _Names(
        needs=frozenset(node.text.casefold() for node in scalars(child(job, "needs"))),
        steps=frozenset(node.text.casefold() for node in ids if isinstance(node, ScalarNode)),
        matrix=_matrix(job),
    )


def _matrix(job: Node | None) -> frozenset[str] | None:
    strategy = child(job, "strategy")
    matrix = child(strategy, "matrix")
    if matrix is None:
        return frozenset() if strategy is None or isinstance(strategy, MappingNode) else None
    include = child(matrix, "include")
    if not isinstance(matrix, MappingNode) or isinstance(include, ScalarNode):
        return None
    names = {key.text for key, _ in entries(matrix) if key.text not in ("include", "exclude")}
    for item in getattr(include, "items", ()):
        if not isinstance(item, MappingNode):
            return None
        names.update(item.entries)
    return frozenset(name.casefold() for name in names)


def _inputs(root: Node) -> frozenset[str]:
    on = child(root, "on")
    declared = [
        *entries(child(child(on, "workflow_dispatch"), "inputs")),
        *entries(child(child(on, "workflow_call"), "inputs")),
    ]
    return frozenset(key.text.casefold() for key, _ in declared)
