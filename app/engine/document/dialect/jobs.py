"""`jobs` and `steps`."""

from app.engine.document.alternatives import Variants
from app.engine.document.dialect.forms import NAME, SHELL, WORKFLOW
from app.engine.document.dialect.values import (
    CACHE_MODE,
    PERMISSIONS,
    RETRY,
    concurrency,
    container,
    defaults,
    environment,
    matrix,
    scalars,
    services,
    strings,
)
from app.engine.document.shapes import Condition, Flag, Number, Text, Whole
from app.engine.document.structures import Either, Field, Fields, ListOf, MapOf

_JOB = "jobs.<job_id>"
_STEP = "jobs.<job_id>.steps"
_NO_EFFECT_DEPLOYMENT = "AnsFlow makes no deployment records"


def _minutes(key: str) -> Number:
    return Number(key, least=0, over=True, code="invalid_timeout")


_EVERY_STEP = {
    "id": Field(Text(form=NAME), "The name of the step in `steps`."),
    "name": Field(Text(f"{_STEP}.name", empty=True, null=True), "What is shown."),
}
_TOLERANT = {
    "continue-on-error": Field(
        Flag(f"{_STEP}.continue-on-error"), "Let the job go on when the step fails."
    )
}
_EXECUTED = {
    **_EVERY_STEP,
    **_TOLERANT,
    "if": Field(Condition(f"{_STEP}.if"), "Run only when this is true."),
    "env": Field(environment(f"{_STEP}.env"), "Variables of this step."),
    "timeout-minutes": Field(_minutes(f"{_STEP}.timeout-minutes"), "Stop it after this long."),
    "retry": Field(RETRY, "Try again after a failure."),
    "background": Field(Flag(), "Do not wait for it.", unsupported="background-steps"),
}
_RUN_STEP = Fields(
    {
        **_EXECUTED,
        "run": Field(Text(f"{_STEP}.run", empty=True), "A script.", required=True),
        "shell": Field(Text(form=SHELL), "What runs the script."),
        "working-directory": Field(Text(f"{_STEP}.working-directory"), "Where it runs."),
    }
)
_USES_STEP = Fields(
    {
        **_EXECUTED,
        "uses": Field(Text(), "An action.", required=True),
        "with": Field(
            Either(
                scalar=Whole(f"{_STEP}.with"),
                mapping=scalars(f"{_STEP}.with", "a map of inputs"),
            ),
            "The inputs of the action.",
        ),
    }
)


def _control(name: str, field: Field) -> Fields:
    return Fields({**_EVERY_STEP, **_TOLERANT, name: field})


_BACKGROUND = "background-steps"
_STEPS_IN_PARALLEL = Variants({"run": _RUN_STEP, "uses": _USES_STEP}, what="a step")
STEP = Variants(
    {
        "run": _RUN_STEP,
        "uses": _USES_STEP,
        "wait": _control(
            "wait", Field(strings(), "Background steps to wait for.", unsupported=_BACKGROUND)
        ),
        "wait-all": _control(
            "wait-all",
            Field(Either(scalar=Flag(), null=True), "Wait for all.", unsupported=_BACKGROUND),
        ),
        "cancel": _control(
            "cancel", Field(Text(), "A background step to stop.", unsupported=_BACKGROUND)
        ),
        "parallel": _control(
            "parallel",
            Field(
                ListOf(_STEPS_IN_PARALLEL, what="a list of steps"),
                "Steps that run at once.",
                unsupported=_BACKGROUND,
            ),
        ),
    },
    what="a step",
)
STEPS = ListOf(STEP, what="a list of steps")

_STRATEGY_KEY = f"{_JOB}.strategy"
_STRATEGY = Fields(
    {
        "matrix": Field(matrix(_STRATEGY_KEY), "One job for each combination of values."),
        "fail-fast": Field(Flag(_STRATEGY_KEY), "Cancel the others when one fails."),
        "max-parallel": Field(
            Number(_STRATEGY_KEY, least=1, integer=True), "How many may run at once."
        ),
    }
)
_ENVIRONMENT = Either(
    scalar=Text(f"{_JOB}.environment"),
    mapping=Fields(
        {
            "name": Field(Text(f"{_JOB}.environment"), "Its name.", required=True),
            "url": Field(Text(f"{_JOB}.environment.url", empty=True), "Where to look at it."),
            "deployment": Field(
                Flag(f"{_JOB}.environment"), "Records.", no_effect=_NO_EFFECT_DEPLOYMENT
            ),
        }
    ),
)
_LABELS = strings(f"{_JOB}.runs-on", "a list of labels")
_RUNS_ON = Either(
    scalar=Text(f"{_JOB}.runs-on"),
    sequence=ListOf(Text(f"{_JOB}.runs-on"), what="a list of labels"),
    mapping=Fields(
        {
            "group": Field(
                Text(f"{_JOB}.runs-on"), "A group.", no_effect="workers are chosen by their labels"
            ),
            "labels": Field(_LABELS, "The labels that a worker must have."),
        },
        least=1,
    ),
)
_REPORTS = Fields(
    {"junit": Field(strings(f"{_JOB}.reports", "a list of patterns"), "JUnit XML files.")}, least=1
)

_EVERY_JOB = {
    "name": Field(Text(f"{_JOB}.name", empty=True, null=True), "What is shown."),
    "needs": Field(
        strings(what="a list of job ids", least=0), "Jobs that must end before this one."
    ),
    "if": Field(Condition(f"{_JOB}.if"), "Run only when this is true."),
    "permissions": PERMISSIONS,
    "cache-mode": CACHE_MODE,
    "concurrency": Field(concurrency(f"{_JOB}.concurrency"), "Never two of a group at once."),
    "strategy": Field(_STRATEGY, "Variations of the job."),
}
_OWN_JOB = Fields(
    {
        **_EVERY_JOB,
        "runs-on": Field(_RUNS_ON, "Labels of the worker.", required=True),
        "environment": Field(_ENVIRONMENT, "Where it deploys to; may need approval."),
        "outputs": Field(
            scalars(f"{_JOB}.outputs.<output_id>", "a map of outputs"), "Values for later jobs."
        ),
        "env": Field(environment(f"{_JOB}.env"), "Variables of its steps."),
        "defaults": Field(defaults(f"{_JOB}.defaults.run"), "Defaults of its steps."),
        "timeout-minutes": Field(_minutes(f"{_JOB}.timeout-minutes"), "Stop it after this long."),
        "cancel-timeout-minutes": Field(
            _minutes(f"{_JOB}.timeout-minutes"),
            "How long a cancelled job may clean up.",
            no_effect="a cancelled job has 5 minutes to clean up",
        ),
        "continue-on-error": Field(
            Flag(f"{_JOB}.continue-on-error"), "Let the run succeed when the job fails."
        ),
        "container": Field(container(service=False), "Its steps run in this."),
        "services": Field(services(), "Containers beside it."),
        "snapshot": Field(
            Either(
                scalar=Text(),
                mapping=Fields(
                    {
                        "image-name": Field(Text(), "Its name.", required=True),
                        "if": Field(Condition(f"{_JOB}.runs-on"), "Only when this is true."),
                        "version": Field(Text(), "Its major version."),
                    }
                ),
            ),
            "Keep an image of the worker.",
            unsupported="snapshot",
        ),
        "retry": Field(RETRY, "Try again after a failure."),
        "reports": Field(_REPORTS, "Test reports to read."),
        "steps": Field(STEPS, "What the job does."),
    }
)
_SECRETS = Either(
    scalar=Text(choices=("inherit",)),
    mapping=scalars(f"{_JOB}.secrets.<secrets_id>", "a map of secrets"),
)
_CALLING_JOB = Fields(
    {
        **_EVERY_JOB,
        "uses": Field(Text(form=WORKFLOW), "A reusable workflow.", required=True),
        "with": Field(scalars(f"{_JOB}.with.<with_id>", "a map of inputs"), "Its inputs."),
        "secrets": Field(_SECRETS, "The secrets it gets."),
    }
)
JOB = Variants({"uses": _CALLING_JOB}, default=_OWN_JOB, what="a job")
JOBS = MapOf(JOB, NAME, least=1, what="a map of jobs")
