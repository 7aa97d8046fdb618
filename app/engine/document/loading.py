"""`load` and `require`: text in, a definition and diagnostics out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from app.engine.definition import Definition, Diagnostic
from app.engine.document.actions import BUILT_IN, Action
from app.engine.document.build import definition
from app.engine.document.compose import Unreadable, compose
from app.engine.document.dialect.workflow import WORKFLOW
from app.engine.document.findings import UNAVAILABLE, Findings, TooManyErrors
from app.engine.document.nodes import Node
from app.engine.document.rules.graph import check_needs, check_step_ids
from app.engine.document.rules.jobs import check_jobs
from app.engine.document.rules.references import check_expressions
from app.engine.document.rules.triggers import check_triggers
from app.engine.document.rules.uses import check_uses

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an installation can run.

    `actions` are the built-in actions by name; `features` the optional features that it has:
    `background-steps`, `snapshot`.
    """

    actions: Mapping[str, Action] = field(default_factory=lambda: BUILT_IN)
    features: frozenset[str] = frozenset()


STANDARD = Dialect()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read. `diagnostics` are in the order of the file.

    `definition` is None when there is an error other than those of `UNAVAILABLE`.
    """

    definition: Definition | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that refuse the file."""
        return tuple(found for found in self.diagnostics if found.severity == "error")


class InvalidDefinition(Exception):
    """A file that cannot be used; `diagnostics` has at least one error."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        first = next(found for found in diagnostics if found.severity == "error")
        place = first.position
        super().__init__(f"line {place.line}, column {place.column}: {first.message}")


def load(text: str, *, dialect: Dialect = STANDARD) -> Loaded:
    """Read and check a pipeline file.

    Parameters:
        text: the whole file, YAML 1.2 or JSON.
        dialect: which actions and features exist here.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        composed = compose(text)
    except Unreadable as error:
        return Loaded(None, (error.diagnostic,))
    findings = Findings(dialect.features, composed.findings)
    with suppress(TooManyErrors):
        _check(composed.root, composed.source, dialect, findings)
    diagnostics = _in_order(findings.diagnostics)
    if any(each.severity == "error" and each.code not in UNAVAILABLE for each in diagnostics):
        return Loaded(None, diagnostics)
    return Loaded(definition(composed.root), diagnostics)


def require(text: str, *, dialect: Dialect = STANDARD) -> Definition:
    """The definition of a file that can run here.

    Parameters:
        text: the whole file, YAML 1.2 or JSON.
        dialect: which actions and features exist here.

    Raises:
        InvalidDefinition: there is any error, also one of `UNAVAILABLE`.
    """
    loaded = load(text, dialect=dialect)
    if loaded.definition is None or loaded.errors:
        raise InvalidDefinition(loaded.diagnostics)
    return loaded.definition


def _check(root: Node, source: str, dialect: Dialect, findings: Findings) -> None:
    WORKFLOW.check(root, "", findings)
    check_triggers(root, findings)
    check_needs(root, findings)
    check_step_ids(root, findings)
    check_jobs(root, findings)
    check_uses(root, dialect.actions, findings)
    check_expressions(root, source, findings)


def _in_order(found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    # An anchored value is checked wherever it is used, but reported for the first of these paths.
    once = {(each.code, each.message, each.position): each for each in reversed(found)}
    by_place = sorted(once.values(), key=lambda each: (each.position.line, each.position.column))
    return tuple(by_place)
