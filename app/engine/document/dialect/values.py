"""Shapes that several parts of the dialect share."""

from app.engine.document.dialect.forms import NAME, SHELL, VARIABLE
from app.engine.document.shapes import Anything, Flag, Number, Shape, Text, Whole
from app.engine.document.structures import Either, Field, Fields, ListOf, MapOf, NamedOrOf

PERMISSION_LEVELS = ("read", "write", "none")
_SCOPES = (
    "actions", "artifact-metadata", "attestations", "checks", "contents", "deployments",
    "discussions", "issues", "packages", "pages", "pull-requests", "repository-projects",
    "security-events", "statuses",
)  # fmt: skip
_READ_ONLY_SCOPES = ("models", "vulnerability-alerts")
_WRITE_ONLY_SCOPES = ("copilot-requests", "id-token")


def strings(key: str | None = None, what: str = "a list of strings", *, least: int = 1) -> Either:
    """A string or a list of strings."""
    return Either(scalar=Text(key), sequence=ListOf(Text(key), least=least, what=what))


def environment(key: str, value_key: str | None = None) -> Either:
    """A map of environment variables, or one expression that gives it."""
    values = Text(value_key or key, empty=True, null=True)
    return Either(scalar=Whole(key), mapping=MapOf(values, VARIABLE, what="a map of variables"))


def scalars(key: str | None, what: str) -> MapOf:
    """A map of names to text, numbers or booleans."""
    return MapOf(Text(key, empty=True, null=True), what=what)


def _permissions() -> Either:
    levels = {
        **dict.fromkeys(_SCOPES, PERMISSION_LEVELS),
        **dict.fromkeys(_READ_ONLY_SCOPES, ("read", "none")),
        **dict.fromkeys(_WRITE_ONLY_SCOPES, ("write", "none")),
    }
    scopes = {
        scope: Field(
            Text(choices=allowed, what=f"a level for {scope}", code="invalid_permission"),
            f"Access to {scope}.",
        )
        for scope, allowed in sorted(levels.items())
    }
    every = Text(choices=("read-all", "write-all"), what="a permission", code="invalid_permission")
    return Either(
        scalar=every, mapping=Fields(scopes, what="permission", code="invalid_permission")
    )


PERMISSIONS = Field(
    _permissions(),
    "What the token of the forge may do.",
    no_effect="AnsFlow gives jobs no token of the forge",
)
CACHE_MODE = Field(
    Text(choices=("read", "write", "write-only", "none")),
    "Whether jobs may restore and save caches.",
    no_effect="caches here belong to one project and are not restricted further",
)


def concurrency(key: str) -> Either:
    """`concurrency`: a group, or a map with it."""
    mapping = Fields(
        {
            "group": Field(Text(key), "Runs of the same group wait for each other.", required=True),
            "cancel-in-progress": Field(Flag(key), "Cancel what holds the group."),
            "queue": Field(
                Text(choices=("single", "max")),
                "How many may wait.",
                no_effect="here all pending runs wait in order and none is dropped",
            ),
        }
    )
    return Either(scalar=Text(key), mapping=mapping)


def defaults(key: str | None) -> Fields:
    """`defaults`, of a file or of a job."""
    run = Fields(
        {
            "shell": Field(Text(key, form=SHELL), "The shell of steps that name none."),
            "working-directory": Field(Text(key), "The folder of steps that name none."),
        },
        least=1,
    )
    return Fields({"run": Field(run, "Defaults of `run` steps.")}, least=1)


RETRY = Fields(
    {
        "max-attempts": Field(Number(least=1, integer=True), "How often in all.", required=True),
        "delay-seconds": Field(Number(least=0), "The pause before the second attempt."),
        "backoff": Field(Number(least=1), "What each further pause is multiplied with."),
        "on": Field(
            Either(
                scalar=Text(choices=("failure", "timed_out", "worker_lost")),
                sequence=ListOf(Text(choices=("failure", "timed_out", "worker_lost"))),
            ),
            "The causes after which to try again.",
        ),
    }
)

_CREDENTIALS = Fields(
    {
        "username": Field(Text("jobs.<job_id>.container.credentials"), "User at the registry."),
        "password": Field(Text("jobs.<job_id>.container.credentials"), "Password or token."),
    }
)
_CONTAINER_KEY = "jobs.<job_id>.container"
_PORT = Text(_CONTAINER_KEY)


def container(*, service: bool) -> Either:
    """The container of a job, or one of its services, which may also set its command."""
    fields = {
        "image": Field(
            Text(_CONTAINER_KEY, empty=True), "The image that is started.", required=True
        ),
        "credentials": Field(_CREDENTIALS, "How to sign in at the registry."),
        "env": Field(
            environment(_CONTAINER_KEY, "jobs.<job_id>.container.env.<env_id>"),
            "Variables in the container.",
        ),
        "ports": Field(ListOf(_PORT, what="a list of ports"), "Ports that are published."),
        "volumes": Field(ListOf(Text(_CONTAINER_KEY)), "Volumes that are mounted."),
        "options": Field(Text(_CONTAINER_KEY, empty=True), "Further options of the engine."),
    }
    if service:
        fields["entrypoint"] = Field(Text(_CONTAINER_KEY, empty=True), "Replaces the entrypoint.")
        fields["command"] = Field(Text(_CONTAINER_KEY, empty=True), "Replaces the command.")
    return Either(scalar=Text(_CONTAINER_KEY, empty=True), mapping=Fields(fields))


def services() -> Shape:
    """`services`: containers by name, or one expression that gives them."""
    key = "jobs.<job_id>.services"
    return Either(
        scalar=Whole(key), mapping=MapOf(container(service=True), NAME, what="a map of services")
    )


def matrix(key: str) -> Either:
    """`strategy.matrix`: lists by name, `include`, `exclude`, each also as an expression."""
    vector = Either(scalar=Whole(key), sequence=ListOf(Anything(key), what="a list of values"))
    combinations = Either(
        scalar=Whole(key),
        sequence=ListOf(MapOf(Anything(key)), least=0, what="a list of maps"),
    )
    return Either(
        scalar=Whole(key),
        mapping=NamedOrOf({"include": combinations, "exclude": combinations}, vector, least=1),
    )
