"""What the API says of artifacts, caches and tests."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field

from app.artifacts.states import TestStatus
from app.core.schemas import Output, Page


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


class TestRead(Output):
    """How a test ended in the current attempt of its job."""

    id: uuid.UUID = Field(description="Id of this result")
    test: str = Field(description="Names the test in all executions of the pipeline, hex")
    job_id: uuid.UUID = Field(description="The job that ran it")
    attempt: int = Field(description="The attempt of the job")
    suite: str = Field(description="The suite, as the report names it")
    classname: str = Field(description="Class or module; empty when the report has none")
    name: str = Field(description="The name")
    file: str | None = Field(description="The file, when the report says so")
    status: TestStatus = Field(description="How it ended")
    duration_s: float | None = Field(description="Seconds that it took")
    message: str | None = Field(description="Why it failed or was skipped, in short")
    details: str | None = Field(description="Why it failed, as the report tells it")
    change: Literal["newly_failing", "fixed"] | None = Field(
        description="Compared with the last execution of the pipeline and ref that ran it"
    )
    flaky: bool = Field(
        description="It passed and failed in this execution, or changed often in the last ones"
    )


class TestSummary(Output):
    """How many tests ended how."""

    total: int = Field(description="All tests")
    passed: int = Field(description="Tests that passed")
    failed: int = Field(description="Tests that failed")
    error: int = Field(description="Tests that broke off with an error")
    skipped: int = Field(description="Tests that were skipped")
    newly_failing: int = Field(description="Fail now and did not the last time")
    fixed: int = Field(description="Pass now and did not the last time")
    flaky: int = Field(description="Cannot be relied on")
    duration_s: float = Field(description="Seconds of all tests together")
    compared_with: uuid.UUID | None = Field(
        description="The last execution of the same pipeline and ref with tests"
    )


class TestReportRead(Page[TestRead]):
    """The tests of an execution, what failed first."""

    summary: TestSummary = Field(description="Counts of all tests of the execution")


class PastRunRead(Output):
    """A test in one attempt of a job."""

    execution_id: uuid.UUID = Field(description="The execution")
    number: int = Field(description="Number of the execution in its pipeline")
    ref: str | None = Field(description="Full ref of the execution")
    sha: str | None = Field(description="Commit of the execution")
    job_id: uuid.UUID = Field(description="The job that ran it")
    attempt: int = Field(description="The attempt of the job")
    status: TestStatus = Field(description="How it ended")
    duration_s: float | None = Field(description="Seconds that it took")
    flaky: bool = Field(description="The report says that it failed before it passed")
    message: str | None = Field(description="Why it failed or was skipped, in short")
    at: datetime = Field(description="When the execution was started")


class TestHistoryRead(Page[PastRunRead]):
    """The runs of a test, the newest first."""

    test: str = Field(description="Names the test, hex")
    suite: str = Field(description="The suite, as the last report names it")
    classname: str = Field(description="Class or module")
    name: str = Field(description="The name")
