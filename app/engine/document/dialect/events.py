"""`on:`: every event, its activity types and its filters."""

from app.engine.document.alternatives import ByValue
from app.engine.document.dialect.forms import CRON, GLOB, NAME, TIMEZONE
from app.engine.document.shapes import Flag, Nothing, Number, Shape, Text
from app.engine.document.structures import Either, Field, Fields, ListOf, MapOf

_CHANGED = ("created", "edited", "deleted")
_PULL_REQUEST = (
    "assigned", "unassigned", "labeled", "unlabeled", "opened", "edited", "closed", "reopened",
    "synchronize", "converted_to_draft", "locked", "unlocked", "enqueued", "dequeued",
    "milestoned", "demilestoned", "ready_for_review", "review_requested",
    "review_request_removed", "auto_merge_enabled", "auto_merge_disabled",
)  # fmt: skip
_ISSUES = (
    "opened", "edited", "deleted", "transferred", "pinned", "unpinned", "closed", "reopened",
    "assigned", "unassigned", "labeled", "unlabeled", "locked", "unlocked", "milestoned",
    "demilestoned", "typed", "untyped", "field_added", "field_removed",
)  # fmt: skip
_DISCUSSION = (
    "created", "edited", "deleted", "transferred", "pinned", "unpinned", "labeled", "unlabeled",
    "locked", "unlocked", "category_changed", "answered", "unanswered",
)  # fmt: skip

ACTIVITIES: dict[str, tuple[str, ...]] = {
    "branch_protection_rule": _CHANGED,
    "check_run": ("created", "rerequested", "completed", "requested_action"),
    "check_suite": ("completed", "requested", "rerequested"),
    "create": (),
    "delete": (),
    "deployment": (),
    "deployment_status": (),
    "discussion": _DISCUSSION,
    "discussion_comment": _CHANGED,
    "fork": (),
    "gollum": (),
    "image_version": ("created", "ready", "deleted"),
    "issue_comment": _CHANGED,
    "issues": _ISSUES,
    "label": _CHANGED,
    "member": ("added", "edited", "deleted"),
    "merge_group": ("checks_requested",),
    "milestone": ("created", "closed", "opened", "edited", "deleted"),
    "page_build": (),
    "project": ("created", "updated", "closed", "reopened", "edited", "deleted"),
    "project_card": ("created", "moved", "converted", "edited", "deleted"),
    "project_column": ("created", "updated", "moved", "deleted"),
    "public": (),
    "pull_request": _PULL_REQUEST,
    "pull_request_comment": _CHANGED,
    "pull_request_review": ("submitted", "edited", "dismissed"),
    "pull_request_review_comment": _CHANGED,
    "pull_request_target": _PULL_REQUEST,
    "push": (),
    "registry_package": ("published", "updated"),
    "release": (
        "published", "unpublished", "created", "edited", "deleted", "prereleased", "released",
    ),
    "repository_dispatch": (),
    "status": (),
    "watch": ("started",),
    "workflow_run": ("requested", "completed", "in_progress"),
}  # fmt: skip
"""The activity types of each event; empty when it has none."""

_BRANCHES = ("branches", "branches-ignore")
_TAGS = ("tags", "tags-ignore")
_PATHS = ("paths", "paths-ignore")
_FILTERS: dict[str, tuple[tuple[str, str], ...]] = {
    "push": (_BRANCHES, _TAGS, _PATHS),
    "pull_request": (_BRANCHES, _TAGS, _PATHS),
    "pull_request_target": (_BRANCHES, _TAGS, _PATHS),
    "merge_group": (_BRANCHES,),
    "workflow_run": (_BRANCHES,),
}
_NO_TAGS = "a pull request is of a branch, never of a tag"
_DESCRIPTIONS = {
    "branches": "Run only for branches that match.",
    "branches-ignore": "Do not run for branches that match.",
    "tags": "Run only for tags that match.",
    "tags-ignore": "Do not run for tags that match.",
    "paths": "Run only when a changed file matches.",
    "paths-ignore": "Do not run when all changed files match.",
}


def _globs() -> Either:
    pattern = Text(form=GLOB)
    return Either(scalar=pattern, sequence=ListOf(pattern, what="a list of patterns"))


def _strings(*choices: str, event: str = "") -> Either:
    what = f"an activity type of '{event}'"
    text = Text(choices=choices, what=what, code="unknown_activity")
    return Either(scalar=text, sequence=ListOf(text))


def _event(name: str) -> Shape:
    fields: dict[str, Field] = {}
    if types := ACTIVITIES[name]:
        shape = _strings(*types, event=name)
        fields["types"] = Field(shape, "The kinds of activity that count.")
    if name == "repository_dispatch":
        fields["types"] = Field(_strings(), "The event types that count.")
    if name == "workflow_run":
        fields["workflows"] = Field(_strings(), "The names of the workflows that count.")
    if name == "image_version":
        fields["names"] = Field(_globs(), "The images that count.")
        fields["versions"] = Field(_globs(), "The versions that count.")
    exclusive = _FILTERS.get(name, ())
    for keyword in (keyword for pair in exclusive for keyword in pair):
        useless = _NO_TAGS if name != "push" and keyword in _TAGS else None
        fields[keyword] = Field(_globs(), _DESCRIPTIONS[keyword], no_effect=useless)
    if not fields:
        return Either(scalar=Nothing(), mapping=Fields({}), null=True)
    return Either(mapping=Fields(fields, exclusive=exclusive), null=True)


_SCHEDULE = ListOf(
    Fields(
        {
            "cron": Field(Text(form=CRON), "When: five fields.", required=True),
            "timezone": Field(Text(form=TIMEZONE), "The time zone of `cron`; UTC by default."),
        }
    ),
    what="a list of maps with 'cron'",
)
_KINDS = ("string", "boolean", "number", "choice", "environment")
_CALL_DEFAULT = "on.workflow_call.inputs.<inputs_id>.default"


def _input(*kinds: str, default: Shape, typed: bool = False, options: bool = False) -> Fields:
    fields = {
        "description": Field(Text(empty=True, null=True), "What the input is for."),
        "required": Field(Flag(), "Whether it must be given."),
        "deprecationMessage": Field(Text(), "Why the input should no longer be used."),
        "default": Field(Either(scalar=default, null=True), "Its value when none is given."),
    }
    if kinds:
        kind = Text(choices=kinds, what="a type of inputs")
        fields["type"] = Field(kind, "Its type.", required=typed)
    if options:
        choices = ListOf(Text(empty=True), what="a list of options")
        fields["options"] = Field(choices, "What can be chosen, a list.", required=True)
    return Fields(fields)


def _typed_inputs(key: str | None) -> dict[str, Fields]:
    return {
        "string": _input("string", default=Text(key, empty=True, strict=True)),
        "boolean": _input("boolean", default=Flag(key)),
        "number": _input("number", default=Number(key, least=None, most=None)),
    }


_ANY_TEXT = Text(empty=True)
_DISPATCH_INPUT = ByValue(
    "type",
    {
        **_typed_inputs(None),
        "choice": _input("choice", default=_ANY_TEXT, options=True),
        "environment": _input("environment", default=Text(strict=True)),
    },
    default=_input(default=_ANY_TEXT),
    unknown=_input(*_KINDS, default=_ANY_TEXT, typed=True),
)
_UNTYPED_CALL = _input(*_KINDS[:3], default=Text(_CALL_DEFAULT, empty=True), typed=True)
_CALL_INPUT = ByValue("type", _typed_inputs(_CALL_DEFAULT), _UNTYPED_CALL, _UNTYPED_CALL)
_SECRET = Fields(
    {
        "description": Field(Text(empty=True, null=True), "What the secret is for."),
        "required": Field(Flag(), "Whether it must be given."),
    }
)
_OUTPUT = Fields(
    {
        "description": Field(Text(empty=True, null=True), "What the output is."),
        "value": Field(
            Text("on.workflow_call.outputs.<output_id>.value", empty=True),
            "Its value, from the outputs of jobs.",
            required=True,
        ),
    }
)


def _map(shape: Shape, what: str) -> Either:
    return Either(mapping=MapOf(shape, NAME, what=what), null=True)


_DISPATCH = Fields(
    {
        "inputs": Field(
            _map(Either(mapping=_DISPATCH_INPUT, null=True), "a map of inputs"), "Inputs."
        )
    }
)
_CALL = Fields(
    {
        "inputs": Field(_map(_CALL_INPUT, "a map of inputs"), "What callers pass."),
        "secrets": Field(
            _map(Either(mapping=_SECRET, null=True), "a map of secrets"), "Secrets callers pass."
        ),
        "outputs": Field(_map(_OUTPUT, "a map of outputs"), "What callers get."),
    }
)

EVENTS: dict[str, Field] = {
    **{name: Field(_event(name), f"The event `{name}`.") for name in ACTIVITIES},
    "schedule": Field(_SCHEDULE, "Runs at fixed times."),
    "workflow_dispatch": Field(Either(mapping=_DISPATCH, null=True), "Started by hand."),
    "workflow_call": Field(Either(mapping=_CALL, null=True), "Called by another workflow."),
}
_NAMES = Text(choices=tuple(EVENTS), what="an event", code="unknown_event")

ON = Either(
    scalar=_NAMES,
    sequence=ListOf(_NAMES, what="a list of events"),
    mapping=Fields(EVENTS, least=1, what="event", code="unknown_event"),
)
"""The value of `on`. In a list or alone, `schedule` would have no times; see the rules."""
