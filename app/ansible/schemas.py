"""What the API takes and gives about inventories and playbooks."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from app.ansible.inventory import Inventory
from app.ansible.models import AnsibleFile, AnsibleFileVersion, FileFormat, FileKind
from app.ansible.reading import MAX_CONTENT
from app.core.schemas import Input, Output, Prose, Slug

Content = Annotated[str, StringConstraints(max_length=MAX_CONTENT, pattern=r"^[^\x00]*$")]
Why = Annotated[Prose, StringConstraints(max_length=500)]


class AnsibleFileCreate(Input):
    """A new inventory or playbook."""

    name: Slug = Field(description="What steps call it; unique among its kind", examples=["site"])
    description: Prose = Field(default="", description="What it is for")
    format: FileFormat = Field(
        default=FileFormat.YAML, description="How it is written; playbooks are YAML"
    )
    content: Content = Field(
        description="The text",
        examples=["- hosts: all\n  tasks: []\n", "all:\n  hosts:\n    web1:\n"],
    )
    message: Why = Field(default="", description="Why this version")


class AnsibleFileUpdate(Input):
    """Changes of an inventory or playbook; absent fields stay. Another text is a new version."""

    name: Slug = Field(default="x", description="What steps call it", examples=["site"])
    description: Prose = Field(default="", description="What it is for")
    format: FileFormat = Field(default=FileFormat.YAML, description="How it is written")
    content: Content = Field(default="", description="The text")
    message: Why = Field(default="", description="Why this version")


class AnsibleFileRead(Output):
    """An inventory or playbook, without its text."""

    id: uuid.UUID = Field(description="Never changes")
    kind: FileKind = Field(description="What it is")
    name: str = Field(description="What steps call it")
    description: str = Field(description="What it is for")
    current_version: int = Field(description="The version in use")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Its last change")


class AnsibleFileDetail(AnsibleFileRead):
    """An inventory or playbook with the text in use."""

    format: FileFormat = Field(description="How it is written")
    content: str = Field(description="The text of the version in use")

    @classmethod
    def of(cls, file: AnsibleFile, version: AnsibleFileVersion) -> Self:
        """A file with its current version."""
        base = AnsibleFileRead.model_validate(file).model_dump()
        return cls(**base, format=version.format, content=version.content)


class AnsibleVersionRead(Output):
    """A version of a file, without its text."""

    number: int = Field(description="From 1")
    format: FileFormat = Field(description="How it is written")
    sha256: str = Field(description="Digest of its text, hex")
    message: str = Field(description="Why it was made")
    created_by: uuid.UUID | None = Field(description="Who made it; null: deleted since")
    created_at: datetime = Field(description="When it was made")


class AnsibleVersionDetail(AnsibleVersionRead):
    """A version of a file."""

    content: str = Field(description="Its text")


class GroupRead(Output):
    """A group of an inventory."""

    name: str = Field(description="Its name")
    hosts: list[str] = Field(description="Its own hosts, without those of its children")
    children: list[str] = Field(description="Groups in it")
    variables: list[str] = Field(description="Names of the variables that it sets")


class HostRead(Output):
    """A host of an inventory."""

    name: str = Field(description="Its name")
    groups: list[str] = Field(description="The groups that name it")
    variables: list[str] = Field(description="Names of the variables that it sets")


class InventoryRead(Output):
    """What an inventory says; values of variables are in its text only."""

    groups: list[GroupRead] = Field(description="In the order of the text")
    hosts: list[HostRead] = Field(description="In the order of the text; ranges are expanded")

    @classmethod
    def of(cls, inventory: Inventory) -> Self:
        """An inventory that was read."""
        groups = inventory.groups.values()
        of_host: dict[str, list[str]] = {host: [] for host in inventory.hosts}
        for group in groups:
            for host in group.hosts:
                of_host[host].append(group.name)
        return cls(
            groups=[
                GroupRead(
                    name=group.name,
                    hosts=list(group.hosts),
                    children=list(group.children),
                    variables=list(group.variables),
                )
                for group in groups
            ],
            hosts=[
                HostRead(name=host, groups=of_host[host], variables=list(variables))
                for host, variables in inventory.hosts.items()
            ],
        )
