"""`matches(on, event)`: GitHub's rules for `on:`, with the reason for each decision."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.definition import EventFilter, Position, Triggers
from app.engine.filters.globs import included

_PULL_REQUESTS = frozenset({"pull_request", "pull_request_target"})
_OF_BASE = _PULL_REQUESTS | {"merge_group"}
DEFAULT_TYPES: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    _PULL_REQUESTS, ("opened", "synchronize", "reopened")
)
"""The activity types that count for events that would otherwise start far too often."""


@dataclass(frozen=True, slots=True)
class EventInfo:
    """What happened.

    `ref` and `base_ref` are full (`refs/heads/x`, `refs/tags/x`); a bare name is a branch.
    `base_ref` is the target of a pull request or merge group. `paths` are the changed files, None
    when they are not known: filters of paths then match. `workflow` is the name of the pipeline
    whose run `workflow_run` tells of, and `ref` that run's.
    """

    name: str
    action: str | None = None
    ref: str | None = None
    base_ref: str | None = None
    paths: tuple[str, ...] | None = None
    workflow: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the event starts the pipeline, why, and the place in the file that decided."""

    matched: bool
    reason: str
    position: Position | None = None


def matches(on: Triggers, event: EventInfo) -> Decision:
    """Decide whether `event` starts a pipeline with these triggers.

    Parameters:
        on: the triggers of a definition that passed validation.
        event: what happened.

    Raises:
        InvalidPattern: only for triggers that did not pass validation.
    """
    if not on.events:
        if event.name == "workflow_dispatch":
            return Decision(True, "the file has no 'on', so it is started by hand only")
        return Decision(False, "the file has no 'on', so no event starts it")
    rule = next((rule for rule in on.events if rule.event == event.name), None)
    if rule is None:
        named = ", ".join(rule.event for rule in on.events)
        return Decision(False, f"'on' does not name the event '{event.name}' (it names {named})")
    for check in (_type_refusal, _workflow_refusal, _ref_refusal, _path_refusal):
        refusal = check(rule, event)
        if refusal is not None:
            reason = f"{refusal} (on.{rule.event}, line {rule.position.line})"
            return Decision(False, reason, rule.position)
    reason = f"'on.{rule.event}' in line {rule.position.line} matches"
    return Decision(True, reason, rule.position)


def _type_refusal(rule: EventFilter, event: EventInfo) -> str | None:
    types = rule.types if rule.types is not None else DEFAULT_TYPES.get(event.name)
    if types is None or event.action is None or event.action in types:
        return None
    origin = "" if rule.types is not None else " by default"
    return f"activity '{event.action}' is not among the types{origin}: {', '.join(types)}"


def _workflow_refusal(rule: EventFilter, event: EventInfo) -> str | None:
    if rule.workflows is None or event.workflow in rule.workflows:
        return None
    return f"workflow '{event.workflow}' is not among {', '.join(rule.workflows)}"


def _ref_refusal(rule: EventFilter, event: EventInfo) -> str | None:
    ref = event.base_ref if event.name in _OF_BASE else event.ref
    if ref is None:
        return None
    if ref.startswith("refs/tags/"):
        tag = ref.removeprefix("refs/tags/")
        return _kind_refusal(rule, "tag", tag)
    return _kind_refusal(rule, "branch", ref.removeprefix("refs/heads/"))


def _kind_refusal(rule: EventFilter, kind: str, name: str) -> str | None:
    of_branches = rule.branches, rule.branches_ignore
    # A pull request only ever is of a branch, so filters of tags say nothing about it.
    of_tags = (None, None) if rule.event in _OF_BASE else (rule.tags, rule.tags_ignore)
    (only, ignore), others = (of_branches, of_tags) if kind == "branch" else (of_tags, of_branches)
    if only is None and ignore is None:
        if others == (None, None):
            return None
        filtered = "tags" if kind == "branch" else "branches"
        return f"{kind} '{name}' is not covered: there are only filters of {filtered}"
    plural = "branches" if kind == "branch" else "tags"
    if only is not None and not included(only, name):
        return f"{kind} '{name}' does not match '{plural}'"
    if ignore is not None and included(ignore, name):
        return f"{kind} '{name}' matches '{plural}-ignore'"
    return None


def _path_refusal(rule: EventFilter, event: EventInfo) -> str | None:
    paths = event.paths
    if paths is None or (event.ref or "").startswith("refs/tags/"):
        return None
    if rule.paths is not None and not any(included(rule.paths, path) for path in paths):
        return f"none of {len(paths)} changed files matches 'paths'"
    ignore = rule.paths_ignore
    if ignore is not None and all(included(ignore, path) for path in paths):
        return f"all of {len(paths)} changed files match 'paths-ignore'"
    return None
