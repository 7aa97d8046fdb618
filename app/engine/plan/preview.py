"""What an execution would do: which jobs run at once, later, perhaps, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.engine.definition import Definition, Job
from app.engine.expressions import ExpressionError
from app.engine.machine.calls import call_inputs
from app.engine.machine.evaluation import condition_reads, holds, reads, status_calls
from app.engine.machine.expansion import EMPTY_MATRIX
from app.engine.machine.fields import InvalidField, evaluated
from app.engine.machine.nodes import (
    Place,
    blocked_reason,
    file_nodes,
    matrix_of,
    variant_contexts,
)
from app.engine.machine.types import Node
from app.engine.machine.verdicts import where_if
from app.engine.plan.called import Files, check_called

Outlook = Literal["now", "later", "depends", "skipped", "invalid"]
"""`now`: at once; `later`: when its needs succeed; `depends`: on results that are not known;
`skipped`: its `if`, or the one of a job it needs, is false in any case; `invalid`: it fails."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A node of the plan and what becomes of it. `children` are the jobs of the called file."""

    node: Node
    outlook: Outlook
    reason: str | None = None
    children: tuple["Forecast", ...] = ()


def preview(
    definition: Definition, contexts: Mapping[str, Any], *, files: Files | None = None
) -> tuple[Forecast, ...]:
    """The forecasts of all nodes of a file, in order of the file.

    Parameters:
        contexts: `github`, `inputs`, `vars` as plain values.
        files: definitions by call path, as `called_files` finds them.

    Raises:
        InvalidPlan: a called file is missing or not passed what it requires.
        InvalidField: the key of a node would be too long.
    """
    found = {(): definition, **(files or {})}
    check_called(found)
    return _Preview(found, definition, contexts, Place(), frozenset({"needs"})).forecasts()


class _Preview:
    """One file. `unknown` are the contexts whose values nobody knows yet."""

    def __init__(
        self,
        files: Files,
        definition: Definition,
        contexts: Mapping[str, Any],
        place: Place,
        unknown: frozenset[str],
    ) -> None:
        self.files = files
        self.definition = definition
        self.contexts = contexts
        self.place = place
        self.unknown = unknown
        self.verdicts: dict[str, tuple[Outlook, str | None]] = {}

    def forecasts(self) -> tuple[Forecast, ...]:
        """One forecast for each node, with what is under it."""
        nodes = file_nodes(self.definition, self.contexts, self.place)
        return tuple(self._forecast(node) for node in nodes)

    def _forecast(self, node: Node) -> Forecast:
        job = self.definition.jobs[node.job_id]
        outlook, reason = self._verdict(job)
        forecast = Forecast(node, outlook, reason)
        if node.kind == "call" and outlook not in {"skipped", "invalid"}:
            return self._with_children(job, forecast)
        if node.kind == "matrix" and outlook in {"now", "later"}:
            where = f"the matrix on line {job.strategy.position.line}"
            return replace(forecast, outlook="depends", reason=f"{where} is not known yet")
        return forecast

    def _with_children(self, job: Job, forecast: Forecast) -> Forecast:
        node = forecast.node
        called = self.files[(*node.path, node.job_id)]
        contexts = {**self.contexts, **variant_contexts(node)}
        inputs: Mapping[str, Any] = {}
        unknown = frozenset({"needs"})
        try:
            if any(reads(job.with_, name) for name in self.unknown):
                unknown = frozenset({"needs", "inputs"})
            else:
                passed = evaluated(job, "with", job.with_, contexts)
                inputs = call_inputs(job, called.on.call_inputs, passed, self.contexts)
        except (InvalidField, ExpressionError) as error:
            return replace(forecast, outlook="invalid", reason=str(error))
        inner = {**self.contexts, "inputs": inputs}
        children = _Preview(self.files, called, inner, Place.under(node), unknown).forecasts()
        return replace(forecast, children=children)

    def _verdict(self, job: Job) -> tuple[Outlook, str | None]:
        """The outlook of a job; needs are asked first, so this goes down the graph once."""
        known = self.verdicts.get(job.id)
        if known is None:
            known = self._judge(job)
            self.verdicts[job.id] = known
        return known

    def _judge(self, job: Job) -> tuple[Outlook, str | None]:
        missing = self._missing_need(job)
        if job.condition is None:
            return ("skipped", missing) if missing else self._when(job)
        try:
            unread = sorted(condition_reads(job.condition) & self.unknown)
            if unread:
                return "depends", f"{where_if(job)} reads `{unread[0]}`"
            is_true = holds(job.condition, self.contexts, _hopeful(missing is None))
        except ExpressionError as error:
            return "invalid", f"{where_if(job)} cannot be evaluated: {error}"
        if is_true:
            return self._when(job)
        if status_calls(job.condition) & {"failure", "cancelled"} and job.needs:
            return "depends", f"{where_if(job)} asks how other jobs end"
        return "skipped", missing or f"{where_if(job)} is false"

    def _missing_need(self, job: Job) -> str | None:
        for need in job.needs:
            outlook, _ = self._verdict(self.definition.jobs[need])
            if outlook in {"skipped", "invalid"}:
                return f"job `{need}` is {outlook}"
        return None

    def _when(self, job: Job) -> tuple[Outlook, str | None]:
        if nothing := self._without_jobs(job):
            return nothing
        if not job.needs:
            return "now", None
        outlooks = {self._verdict(self.definition.jobs[need])[0] for need in job.needs}
        return ("depends" if "depends" in outlooks else "later"), blocked_reason(job)

    def _without_jobs(self, job: Job) -> tuple[Outlook, str] | None:
        """The outlook of a matrix that is known now and makes no jobs."""
        matrix = job.strategy.matrix
        try:
            if matrix is None or any(reads(matrix, name) for name in self.unknown):
                return None
            found = matrix_of(job, self.contexts)
        except (InvalidField, ExpressionError) as error:
            return "invalid", str(error)
        if found:
            return None
        return "skipped", f"{EMPTY_MATRIX} (line {job.strategy.position.line})"


def _hopeful(is_success: bool) -> Mapping[str, Any]:
    """The status functions when everything that runs succeeds."""
    return {
        "success": lambda: is_success,
        "failure": lambda: False,
        "always": lambda: True,
        "cancelled": lambda: False,
    }
