"""Environments of projects, and what is given to jobs: variables, secrets, credentials."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json, MediumText
from app.core.sealing import SealedColumns
from app.projects.models import Role


class Environment(Base):
    """Where jobs deploy to, and what must be true before one may: `environment:` names it.

    `folded` is the name without case: jobs find it by that. `approver_ids` are user ids as text;
    besides them everybody with `approver_role` or a higher one approves, unless it is None.
    `allowed_branches` are patterns as in `on.push.branches`; none: every ref. `approval_hours` is
    how long requests for approval stay open; None: as the global setting says.
    """

    __tablename__ = "environments"
    __table_args__ = (UniqueConstraint("project_id", "folded"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    folded: Mapped[str] = mapped_column(String(600))
    description: Mapped[str] = mapped_column(String(2000), default="")
    url: Mapped[str | None] = mapped_column(String(2000))
    required_approvals: Mapped[int] = mapped_column(default=0)
    approver_ids: Mapped[list[str]] = mapped_column(Json)
    approver_role: Mapped[Role | None] = mapped_column(Enumerated(Role))
    prevent_self_approval: Mapped[bool] = mapped_column(default=False)
    wait_minutes: Mapped[int] = mapped_column(default=0)
    allowed_branches: Mapped[list[str]] = mapped_column(Json)
    approval_hours: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Variable(Base):
    """A value for `vars.*`. `scope_id` is the environment or, without one, the project.

    The name is in capitals: names have no case.
    """

    __tablename__ = "variables"
    __table_args__ = (
        UniqueConstraint("scope_id", "name"),
        Index(None, "project_id"),
        Index(None, "environment_id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    environment_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("environments.id", ondelete="CASCADE")
    )
    scope_id: Mapped[uuid.UUID]
    name: Mapped[str] = mapped_column(String(255))
    value: Mapped[str] = mapped_column(MediumText)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Secret(SealedColumns, Base):
    """An encrypted value for `secrets.*`; else as `Variable`."""

    __tablename__ = "secrets"
    __table_args__ = (
        UniqueConstraint("scope_id", "name"),
        Index(None, "project_id"),
        Index(None, "environment_id"),
        Index(None, "key_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    environment_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("environments.id", ondelete="CASCADE")
    )
    scope_id: Mapped[uuid.UUID]
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CredentialKind(StrEnum):
    """What a credential is."""

    USERNAME_PASSWORD = "username_password"  # noqa: S105  a kind of credential
    TOKEN = "token"  # noqa: S105  a kind of credential
    SSH_KEY = "ssh_key"
    KUBECONFIG = "kubeconfig"
    VAULT_PASSWORD = "vault_password"  # noqa: S105  a kind of credential


class Credential(SealedColumns, Base):
    """How AnsFlow itself logs in somewhere. `public` may be read, the rest is encrypted JSON.

    `folded` is the name without case.
    """

    __tablename__ = "credentials"
    __table_args__ = (
        UniqueConstraint("project_id", "folded"),
        Index(None, "key_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    folded: Mapped[str] = mapped_column(String(600))
    description: Mapped[str] = mapped_column(String(2000), default="")
    kind: Mapped[CredentialKind] = mapped_column(Enumerated(CredentialKind))
    public: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
