"""Repositories, what their forges told, and what came of it."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json, MediumBlob
from app.core.sealing import SealedColumns


class Forge(StrEnum):
    """Where a repository is: how its webhooks are signed and which API it has."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"
    GENERIC = "generic"


class ForkPolicy(StrEnum):
    """What pull requests from forks start. Approve: what a member has approved, for each push,
    unless the forge says that its author belongs to the base repository."""

    RUN = "run"
    APPROVE = "approve"
    IGNORE = "ignore"


class HookState(StrEnum):
    """Whether the forge has our webhook, as far as we made it."""

    MANUAL = "manual"
    PENDING = "pending"
    INSTALLED = "installed"
    FAILED = "failed"


class DeliveryStatus(StrEnum):
    """What became of a webhook delivery."""

    QUEUED = "queued"
    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"


class Repository(SealedColumns, Base):
    """A git repository whose events start pipelines. The sealed value is the webhook's secret.

    `folder` is where its pipeline files are; None: the first of the usual ones that exists.
    `hook_reason` says why the webhook is not at the forge.
    """

    __tablename__ = "repositories"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        Index(None, "key_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    forge: Mapped[Forge] = mapped_column(Enumerated(Forge))
    clone_url: Mapped[str] = mapped_column(String(2000))
    api_url: Mapped[str | None] = mapped_column(String(2000))
    default_branch: Mapped[str] = mapped_column(String(255))
    credential_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("credentials.id", ondelete="SET NULL")
    )
    folder: Mapped[str | None] = mapped_column(String(255))
    fork_policy: Mapped[ForkPolicy] = mapped_column(Enumerated(ForkPolicy))
    hook_state: Mapped[HookState] = mapped_column(Enumerated(HookState))
    hook_reason: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class HookRemoval(Base):
    """A webhook that is to be removed from its forge: of a repository that is gone, or is another
    one now. `repository_id` is in the webhook's address; the rest is as the repository had it."""

    __tablename__ = "hook_removals"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    repository_id: Mapped[uuid.UUID]
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    credential_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("credentials.id", ondelete="CASCADE")
    )
    forge: Mapped[Forge] = mapped_column(Enumerated(Forge))
    clone_url: Mapped[str] = mapped_column(String(2000))
    api_url: Mapped[str | None] = mapped_column(String(2000))


class RepositoryPipeline(Base):
    """The pipeline that a file of a repository is. `last_delivery_id` is the newest delivery that
    chose its current version: an older one that comes late does not."""

    __tablename__ = "repository_pipelines"
    __table_args__ = TABLE_OPTIONS

    repository_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    path: Mapped[str] = mapped_column(String(255), primary_key=True)
    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    last_delivery_id: Mapped[uuid.UUID | None]


class Delivery(Base):
    """One call of a webhook whose signature was right. `runs` counts how often it was worked on.

    `external_id` is the forge's id of it; `body` is compressed (zstd), `digest` its SHA-256.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("repository_id", "external_id"),
        Index(None, "repository_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    repository_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE")
    )
    external_id: Mapped[str] = mapped_column(String(200))
    event: Mapped[str] = mapped_column(String(100))
    ref: Mapped[str | None] = mapped_column(String(500))
    sha: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[DeliveryStatus] = mapped_column(Enumerated(DeliveryStatus))
    reason: Mapped[str] = mapped_column(String(2000))
    headers: Mapped[dict[str, Any]] = mapped_column(Json)
    body: Mapped[bytes] = mapped_column(MediumBlob)
    digest: Mapped[str] = mapped_column(String(64))
    runs: Mapped[int] = mapped_column(default=1)
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]


class DeliveryResult(Base):
    """What a delivery meant for one pipeline file: started, or why not. Written once for each run
    of the delivery, with the execution."""

    __tablename__ = "delivery_results"
    __table_args__ = (UniqueConstraint("delivery_id", "run", "path"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"))
    run: Mapped[int]
    path: Mapped[str] = mapped_column(String(255))
    execution_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("executions.id", ondelete="SET NULL")
    )
    reason: Mapped[str] = mapped_column(String(2000))


class CommitStatus(Base):
    """What the forge was last told about an execution. `taken_until` is the database's time until
    when one process may tell it; `context` is the name of the status there."""

    __tablename__ = "commit_statuses"
    __table_args__ = TABLE_OPTIONS

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True
    )
    repository_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE")
    )
    context: Mapped[str] = mapped_column(String(255))
    sent: Mapped[str | None] = mapped_column(String(100))
    taken_until: Mapped[datetime | None]
