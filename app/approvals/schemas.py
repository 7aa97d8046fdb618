"""What the API takes and gives about approvals."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from app.approvals.models import ApprovalState, Decision
from app.core.schemas import Input, Output

Comment = Annotated[
    str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]


class VoteCreate(Input):
    """What a person says; it cannot be changed later."""

    decision: Decision = Field(description="One rejection ends the job as failed")
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
    """One attempt of a job asks for approval of its environment."""

    id: uuid.UUID = Field(description="Never changes; a new attempt has another one")
    project_id: uuid.UUID = Field(description="Project")
    execution_id: uuid.UUID = Field(description="Execution")
    number: int = Field(description="Number of the execution in its pipeline")
    title: str = Field(description="Title of the execution")
    actor: str = Field(description="Who started the execution")
    job_id: uuid.UUID = Field(description="Job that waits")
    job_key: str = Field(description="Its key in the execution")
    job_name: str = Field(description="Its name")
    attempt: int = Field(description="Attempt of the job")
    environment: str = Field(description="Environment that it deploys to")
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
