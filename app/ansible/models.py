"""Inventories and playbooks."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, MediumText


class FileKind(StrEnum):
    """What a file is, as addresses name it."""

    INVENTORIES = "inventories"
    PLAYBOOKS = "playbooks"


class FileFormat(StrEnum):
    """How a file is written. Playbooks are YAML."""

    YAML = "yaml"
    INI = "ini"


class AnsibleFile(Base):
    """An inventory or a playbook of a project; its text is that of the current version."""

    __tablename__ = "ansible_files"
    __table_args__ = (UniqueConstraint("project_id", "kind", "name"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[FileKind] = mapped_column(Enumerated(FileKind))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(2000), default="")
    current_version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AnsibleFileVersion(Base):
    """An immutable text of a file."""

    __tablename__ = "ansible_file_versions"
    __table_args__ = TABLE_OPTIONS

    file_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("ansible_files.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    format: Mapped[FileFormat] = mapped_column(Enumerated(FileFormat))
    content: Mapped[str] = mapped_column(MediumText)
    sha256: Mapped[str] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(String(500), default="")
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL")
    )
    created_at: Mapped[datetime]
