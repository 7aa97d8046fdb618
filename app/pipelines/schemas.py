"""What the API takes and gives about pipelines and their versions."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.core.schemas import Input, Output, Prose, Slug, Title
from app.engine.definition import Definition
from app.pipelines.checking import Found
from app.pipelines.models import PipelineVersion

MAX_SOURCE = 1024 * 1024
Source = Annotated[
    str,
    StringConstraints(max_length=MAX_SOURCE),
    Field(
        description="A pipeline file: YAML 1.2 in the syntax of GitHub Actions",
        examples=["steps:\n  - run: echo hello\n"],
    ),
]
Path = Annotated[
    str, StringConstraints(min_length=3, max_length=500, pattern=r"^\./[^\x00-\x1f]+$")
]


class Files(Input):
    """The texts of a version."""

    source: Source
    files: dict[Path, Source] = Field(
        default={},
        max_length=100,
        description="The local workflows that it calls, by the path in `uses`",
        examples=[{}],
    )


class PipelineCreate(Files):
    """A new pipeline with its first version."""

    slug: Slug = Field(description="Its address; unique in the project", examples=["build"])
    name: Title | None = Field(
        default=None, description="For people; null: `name` of the file, else the slug"
    )
    description: Prose = Field(default="", description="What it is for")
    message: Prose = Field(default="", max_length=500, description="Why this version")


class PipelineUpdate(Input):
    """Changes of a pipeline; absent fields stay. Its text changes by a new version."""

    slug: Slug = Field(default="x", description="Its address; unique in the project")
    name: Title = Field(default="x", description="For people")
    description: Prose = Field(default="", description="What it is for")


class VersionCreate(Files):
    """A new version; the same content as an earlier one makes that one current again."""

    message: Prose = Field(default="", max_length=500, description="Why this version")


class Rollback(Input):
    """The version that becomes current."""

    number: int = Field(ge=1, le=2**31 - 1, description="Number of the version", examples=[1])


class PipelineRead(Output):
    """A pipeline."""

    id: uuid.UUID = Field(description="Never changes")
    project_id: uuid.UUID = Field(description="The project that it belongs to")
    slug: str = Field(description="Its address in the project")
    name: str = Field(description="For people")
    description: str = Field(description="What it is for")
    current_version: int = Field(description="The version that runs")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change, also of the version")


class VersionRead(Output):
    """A version, without its texts. It never changes."""

    number: int = Field(description="Counts from 1 in the pipeline")
    digest: str = Field(description="SHA-256 of the content")
    message: str = Field(description="Why this version")
    created_by: uuid.UUID | None = Field(description="The user, unless deleted since")
    created_at: datetime = Field(description="When it was saved")


class VersionDetail(VersionRead):
    """A version with its texts."""

    source: str = Field(description="The pipeline file")
    files: dict[str, str] = Field(description="The called workflows by path")


class Finding(Output):
    """Something that is to be said about a file."""

    severity: Literal["error", "warning", "notice"] = Field(description="An error refuses the file")
    code: str = Field(description="Stable and short, for programs")
    message: str = Field(description="What it is and what to do")
    path: str | None = Field(description="The called file; null: the pipeline file itself")
    line: int = Field(description="From 1")
    column: int = Field(description="From 1")

    @classmethod
    def all(cls, found: Iterable[Found]) -> list["Finding"]:
        """All findings, in order."""
        return [
            cls(
                severity=each.severity,
                code=each.code,
                message=each.message,
                path=path,
                line=each.position.line,
                column=each.position.column,
            )
            for path, each in found
        ]


class VersionSaved(VersionRead):
    """The version that is current now."""

    findings: list[Finding] = Field(description="Warnings and notices")

    @classmethod
    def of(cls, version: PipelineVersion, found: Iterable[Found]) -> "VersionSaved":
        """A version with what was found in it."""
        read = VersionRead.model_validate(version)
        return cls(findings=Finding.all(found), **read.model_dump())


class Inspection(Output):
    """What is to be said about a file that is not stored."""

    valid: bool = Field(description="True when it could be saved")
    findings: list[Finding] = Field(description="Errors, warnings and notices")

    @classmethod
    def of(cls, definition: Definition | None, found: Iterable[Found]) -> "Inspection":
        """The outcome of an inspection."""
        return cls(valid=definition is not None, findings=Finding.all(found))
