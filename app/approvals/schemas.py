"""What the API takes and gives about approvals."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.approvals.models import ApprovalState, Decision
from app.core.schemas import Input, Output

Comment = Annotated[
    str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]


class VoteCreate(Input):
    """What a person says; it cannot be changed later."""

    decision: Decision = Field(
        description="One rejection ends the job as failed, or cancels the execution"
    )
    comment: Comment = Field(
        default="", description="Why; shown with the job", examples=["checked on staging"]
    )


class VoteRead(Output):
    """What a person said."""

    user_id: uuid.UUID = Field(description="Who")
    name: str = Field(description="Their name at that time")
    decision: Decision = Field(description="Approve or reject")
    comment: str = Field(description="Why")
    created_at: datetime = Field(description="When")


class ApprovalRead(Output):
    """One attempt of a job asks for approval of its environment, or an execution, which a pull
    request from a fork started, asks for approval as a whole."""

    id: uuid.UUID = Field(description="Never changes; a new attempt has another one")
    kind: Literal["environment", "fork"] = Field(
        description="`fork`: nothing of the execution runs before it is approved"
    )
    project_id: uuid.UUID = Field(description="Project")
    execution_id: uuid.UUID = Field(description="Execution")
    number: int = Field(description="Number of the execution in its pipeline")
    title: str = Field(description="Title of the execution")
    actor: str = Field(description="Who started the execution")
    sha: str | None = Field(description="Commit that the approval is about")
    job_id: uuid.UUID | None = Field(description="Job that waits; null: the whole execution")
    job_key: str | None = Field(description="Its key in the execution")
    job_name: str | None = Field(description="Its name")
    attempt: int = Field(description="Attempt of the job, or of the execution")
    environment: str | None = Field(description="Environment that the job deploys to")
    state: ApprovalState = Field(
        description="`closed`: the job ended, or was tried again, before anybody decided"
    )
    reason: str | None = Field(description="Why it was rejected, closed, or expired")
    required: int = Field(description="How many people must approve; 0: only the timer counts")
    votes: list[VoteRead] = Field(description="What people said, in order")
    wait_until: datetime | None = Field(description="The job waits until then in any case")
    expires_at: datetime = Field(description="The job fails then, if nobody has decided")
    created_at: datetime = Field(description="When it was asked for")
    decided_at: datetime | None = Field(description="When it was decided")


class HolderRead(Output):
    """Who holds a concurrency group."""

    execution_id: uuid.UUID = Field(description="Execution")
    number: int = Field(description="Its number in its pipeline")
    job_id: uuid.UUID | None = Field(description="Job; null: the execution as a whole")
    key: str | None = Field(description="Key of the job")


class AwaitedApproval(Output):
    """The approval that a job, or an execution, waits for."""

    id: uuid.UUID = Field(description="Send votes to `/approvals/{id}/vote`")
    environment: str | None = Field(
        description="Environment that it deploys to; null: it is a pull request from a fork"
    )
    required: int = Field(description="How many people must approve")
    approvals: int = Field(description="How many did")
    wait_until: datetime | None = Field(description="It waits until then in any case")
    expires_at: datetime = Field(description="It fails then, if nobody has decided")


class QueueEntry(Output):
    """A job that is ready and does not run, or an execution that waits for its group or for
    approval."""

    id: uuid.UUID = Field(description="Of the job, or else of the execution")
    execution_id: uuid.UUID = Field(description="Execution")
    project_id: uuid.UUID = Field(description="Project")
    pipeline_id: uuid.UUID = Field(description="Pipeline")
    number: int = Field(description="Number of the execution in its pipeline")
    title: str = Field(description="Title of the execution")
    job_id: uuid.UUID | None = Field(description="Job; null: the execution waits as a whole")
    job_key: str | None = Field(description="Key of the job")
    job_name: str | None = Field(description="Name of the job")
    status: Literal["queued", "waiting"] = Field(description="State")
    kind: Literal["worker", "time", "group", "environment", "approval", "place", "other"] = Field(
        description="What it waits for: a worker, a time, its concurrency group, the rules of its "
        "environment, the approval of a pull request from a fork, or a place of its matrix "
        "(`max-parallel`)"
    )
    why: str = Field(description="The same in words")
    since: datetime = Field(description="Since when")
    queue: str | None = Field(description="Queue of a queued job")
    labels: list[str] = Field(description="Labels that a worker must have")
    has_worker: bool | None = Field(
        description="Of queued jobs: whether a worker with these labels is online"
    )
    position: int | None = Field(
        description="From 1: in the queue, or among those that wait for the group"
    )
    holder: HolderRead | None = Field(description="Who holds the group")
    approval: AwaitedApproval | None = Field(description="The approval that it waits for")
