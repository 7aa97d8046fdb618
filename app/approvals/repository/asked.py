"""A request with what names it."""

from dataclasses import dataclass

from app.approvals.models import ApprovalRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the API shows it. `state` is as of now: a job that is gone closes it at once.

    The rest is of the job (`key`, `name`) and its execution.
    """

    request: ApprovalRequest
    state: str
    key: str
    name: str
    number: int
    title: str
    actor: str
