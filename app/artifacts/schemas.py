"""What the API says of artifacts and caches."""

import uuid
from datetime import datetime

from pydantic import Field

from app.core.schemas import Output


class ArtifactRead(Output):
    """Files that a job kept, as a zip archive."""

    id: uuid.UUID = Field(description="Its id")
    execution_id: uuid.UUID = Field(description="The execution that it belongs to")
    job_id: uuid.UUID = Field(description="The job that kept it")
    attempt: int = Field(description="The attempt of the job that kept it")
    name: str = Field(description="Its name, unique in the execution", examples=["coverage"])
    files: int = Field(description="How many files it has")
    size: int = Field(description="Bytes of the archive")
    sha256: str = Field(description="SHA-256 of the archive, hex")
    created_at: datetime = Field(description="When it was kept")
    expires_at: datetime = Field(description="When it is removed")


class CacheRead(Output):
    """Files that the executions of a project share."""

    id: uuid.UUID = Field(description="Its id")
    key: str = Field(description="Its key", examples=["pip-3f2a"])
    ref: str = Field(
        validation_alias="scope",
        description="The full ref whose executions restore it; empty without a repository",
        examples=["refs/heads/main"],
    )
    version: str = Field(description="Digest of the paths that it holds")
    size: int = Field(description="Bytes in the store")
    created_at: datetime = Field(description="When it was saved")
    used_at: datetime = Field(description="When it was last restored")
