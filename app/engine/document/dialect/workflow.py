"""The top level of a pipeline file."""

from app.engine.document.alternatives import Variants
from app.engine.document.dialect.events import ON
from app.engine.document.dialect.forms import VARIABLE
from app.engine.document.dialect.jobs import JOBS, STEPS
from app.engine.document.dialect.values import (
    CACHE_MODE,
    PERMISSIONS,
    concurrency,
    defaults,
)
from app.engine.document.shapes import Text
from app.engine.document.structures import Field, Fields, MapOf

_COMMON = {
    "name": Field(Text(empty=True, null=True), "What is shown."),
    "description": Field(Text(empty=True, null=True), "What the pipeline is for."),
    "run-name": Field(Text("run-name", empty=True, null=True), "The title of each execution."),
    "on": Field(ON, "The events that start it."),
    "permissions": PERMISSIONS,
    "cache-mode": CACHE_MODE,
    "env": Field(
        MapOf(Text("env", empty=True, null=True), VARIABLE, what="a map of variables"),
        "Variables of all jobs.",
    ),
    "defaults": Field(defaults(None), "Defaults of all jobs."),
    "concurrency": Field(concurrency("concurrency"), "Never two of a group at once."),
    "priority": Field(
        Text(choices=("high", "medium", "low"), what="a priority"), "Which queue its jobs use."
    ),
}
WORKFLOW = Variants(
    {
        "jobs": Fields({**_COMMON, "jobs": Field(JOBS, "The jobs, by id.", required=True)}),
        "steps": Fields({**_COMMON, "steps": Field(STEPS, "The steps of the only job.")}),
    },
    what="a map with 'jobs' or 'steps'",
)
"""A whole file."""
