"""A request with what names it."""

from dataclasses import dataclass

from app.approvals.models import ApprovalRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the API shows it. `state` is as of now: a job that is gone closes it at once.

    The rest is of the job (`key`, `name`; None when the whole execution asks) and its execution.
    """

    request: ApprovalRequest
    state: str
    key: str | None
    name: str | None
    number: int
    title: str
    actor: str
    sha: str | None
