"""What the API takes and gives about repositories and webhook deliveries."""

import ipaddress
import uuid
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from app.core.schemas import Input, Output, Title
from app.triggers.models import DeliveryStatus, Forge, ForkPolicy, HookState


def _plain(url: str) -> str:
    """Only addresses that say where they lead, and nothing that git would run."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("must not contain a user or a password: use a credential")
    if parts.query or parts.fragment:
        raise ValueError("must not have a query or a fragment")
    _ = parts.port  # Raises ValueError for one that is no number.
    if parts.scheme == "file":
        if parts.netloc or ".." in parts.path.split("/"):
            raise ValueError("must be like file:///path/to/repository.git")
    elif not parts.hostname:
        raise ValueError("must name a host")
    elif parts.hostname.startswith("["):
        ipaddress.ip_address(parts.hostname.strip("[]"))
    return url


CloneUrl = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^(?:https?|file)://[!-~]+$"),
    AfterValidator(_plain),
]
ApiUrl = Annotated[
    str, StringConstraints(max_length=2000, pattern=r"^https?://[!-~]+$"), AfterValidator(_plain)
]
Branch = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=255,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+@-]*(?:/[A-Za-z0-9_.+@-]+)*$",
    ),
]
Folder = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=200,
        pattern=r"^\.?[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/\.?[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
    ),
]
_FOLDER = "Where its pipeline files are; null: `.ansflow`, or else `.github/workflows`"


class RepositoryCreate(Input):
    """A git repository whose events start pipelines."""

    name: Title = Field(description="What people call it", examples=["ansflow/demo"])
    forge: Forge = Field(description="How its webhooks are signed and which API it has")
    clone_url: CloneUrl = Field(
        description="https, without user and password",
        examples=["https://git.example.com/ansflow/demo.git"],
    )
    api_url: ApiUrl | None = Field(
        default=None,
        description="Base of the forge's API; null: the usual one of its host",
        examples=["https://git.example.com/api/v1"],
    )
    default_branch: Branch = Field(
        default="main", description="Its files are the current versions of the pipelines"
    )
    credential_id: uuid.UUID | None = Field(
        default=None,
        description="A token credential of the project: to clone, to make the webhook and to "
        "write commit statuses",
    )
    folder: Folder | None = Field(default=None, description=_FOLDER, examples=["ci"])
    fork_policy: ForkPolicy = Field(
        default=ForkPolicy.APPROVE,
        description="What pull requests from forks start; they never get secrets. `approve`: "
        "those of outside contributors wait until a member has approved the commit",
    )


class RepositoryUpdate(Input):
    """Changes of a repository; absent fields stay."""

    name: Title = Field(default="x", description="What people call it")
    clone_url: CloneUrl = Field(default="https://x", description="https, without user and password")
    api_url: ApiUrl | None = Field(default=None, description="Base of the forge's API")
    default_branch: Branch = Field(
        default="main", description="Its files are the current versions of the pipelines"
    )
    credential_id: uuid.UUID | None = Field(
        default=None, description="A token credential of the project"
    )
    folder: Folder | None = Field(default=None, description=_FOLDER)
    fork_policy: ForkPolicy = Field(
        default=ForkPolicy.APPROVE, description="What pull requests from forks start"
    )


class RepositoryRead(Output):
    """A repository."""

    id: uuid.UUID = Field(description="Never changes")
    project_id: uuid.UUID = Field(description="The project")
    name: str = Field(description="What people call it")
    forge: Forge = Field(description="How its webhooks are signed and which API it has")
    clone_url: str = Field(description="Where it is cloned from")
    api_url: str | None = Field(description="Base of the forge's API; null: the usual one")
    default_branch: str = Field(description="Its files are the current versions")
    credential_id: uuid.UUID | None = Field(description="The credential that it is used with")
    folder: str | None = Field(description=_FOLDER)
    fork_policy: ForkPolicy = Field(description="What pull requests from forks start")
    hook_state: HookState = Field(
        description="`manual`: make the webhook at the forge yourself; `pending`, `installed` and "
        "`failed`: AnsFlow makes it"
    )
    hook_reason: str | None = Field(description="Why the webhook could not be made")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")


class RepositorySecret(RepositoryRead):
    """A repository with what its webhook needs: the secret is shown only now."""

    webhook_url: str = Field(description="Where the forge sends its events")
    webhook_secret: str = Field(description="What it signs them with; keep it, it is never shown")


class DeliveryRead(Output):
    """A call of a webhook."""

    id: uuid.UUID = Field(description="Id here")
    external_id: str = Field(description="The forge's id of it")
    event: str = Field(description="The forge's name of the event")
    ref: str | None = Field(description="The ref that it is about")
    sha: str | None = Field(description="The commit that it is about")
    status: DeliveryStatus = Field(description="What became of it")
    reason: str = Field(description="Why")
    digest: str = Field(description="SHA-256 of the body")
    runs: int = Field(description="How often it was worked on")
    received_at: datetime = Field(description="When it came")
    processed_at: datetime | None = Field(description="When its pipelines were started")


class ResultRead(Output):
    """What a delivery meant for one pipeline file."""

    run: int = Field(description="Counts redeliveries, from 1")
    path: str = Field(description="The file")
    execution_id: uuid.UUID | None = Field(description="What was started")
    reason: str = Field(description="Why it was started, or why not")


class DeliveryDetail(DeliveryRead):
    """A call of a webhook with what came of it."""

    headers: dict[str, Any] = Field(description="Its headers, without signature and token")
    results: list[ResultRead] = Field(description="For each pipeline file")


class HookAnswer(Output):
    """What the forge is told."""

    delivery_id: uuid.UUID = Field(description="Id of the delivery here")
    status: DeliveryStatus = Field(description="`ignored`: it starts nothing")
    reason: str = Field(description="Why")
