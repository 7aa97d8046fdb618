"""What jobs say about the environment that they wait for or were refused by."""

from datetime import datetime

from app.approvals.models import ApprovalRequest


def held(request: ApprovalRequest, given: int, *, now: datetime) -> str:
    """Why an attempt still waits. `given` are the approvals that count."""
    waits = []
    if given < request.required:
        waits.append(
            f"approval of the environment `{request.environment}`:"
            f" {given} of {request.required} given, until {_shown(request.expires_at)}"
        )
    if request.wait_until is not None and request.wait_until > now:
        waits.append(
            f"the wait timer of the environment `{request.environment}`,"
            f" until {_shown(request.wait_until)}"
        )
    return f"waits for {' and for '.join(waits)}"


def refused(environment: str, why: str) -> str:
    """Why an attempt may not use an environment."""
    return f"refused by the environment `{environment}`: {why}"


def rejected(request: ApprovalRequest, *, by: str, comment: str) -> str:
    """That a person rejected it, and what they say."""
    said = f": {comment}" if comment else ""
    return f"{by} rejected its deployment to the environment `{request.environment}`{said}"


def expired(request: ApprovalRequest, given: int) -> str:
    """That nobody decided in time."""
    return (
        f"the approval of the environment `{request.environment}` expired:"
        f" {given} of {request.required} given since {_shown(request.created_at)}"
    )


def fork_rejected(*, by: str, comment: str) -> str:
    """That a person does not want a fork's pull request to run, and what they say."""
    return f"{by} did not approve the pull request from a fork{f': {comment}' if comment else ''}"


def fork_expired() -> str:
    """That nobody decided about a fork's pull request in time."""
    return "nobody approved the pull request from a fork in time"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
