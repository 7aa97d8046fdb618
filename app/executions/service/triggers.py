"""What starts an execution, and the row that it makes."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.auth.principals import Principal
from app.core.clock import new_id
from app.executions.github import github_context, repository_of
from app.executions.models import Execution
from app.executions.repository.starting import Counted


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts an execution. `version` None takes the pipeline's current one.

    `idempotency_key` with `digest` (of the whole request) makes a second call by the same user
    answer the first execution. `workdir` is the directory that `checkout` takes as it stands.
    `only_job` leaves out what that job does not need. `by` is the person who asks for it.
    `repository_id` is the repository whose event it is, `repository_url` what `checkout` clones;
    with `trusted` False, as for pull requests from forks, jobs get no secrets; with
    `needs_approval` nothing runs before somebody approves it.
    """

    pipeline_id: uuid.UUID
    event: str = "workflow_dispatch"
    version: int | None = None
    ref: str | None = None
    sha: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    user_id: uuid.UUID | None = None
    actor: str = "ansflow"
    only_job: str | None = None
    workdir: str | None = None
    idempotency_key: str | None = None
    digest: str | None = None
    by: Principal | None = None
    repository_id: uuid.UUID | None = None
    repository_url: str | None = None
    trusted: bool = True
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """The new execution, or the one that the same request started before."""

    execution_id: uuid.UUID
    number: int
    is_new: bool


def new_execution(trigger: Trigger, counted: Counted, *, server_url: str) -> Execution:
    """The row of a new execution, as far as its trigger says."""
    execution_id = new_id()
    payload = trigger.payload
    github = github_context(
        event=trigger.event,
        payload=payload,
        ref=trigger.ref,
        sha=trigger.sha,
        actor=trigger.actor,
        repository=repository_of(payload) or f"{counted.project_slug}/{counted.pipeline_slug}",
        workflow=counted.pipeline_name,
        execution_id=str(execution_id),
        number=counted.number,
        server_url=server_url,
    )
    if trigger.repository_url is not None:
        github["repositoryUrl"] = trigger.repository_url
    return Execution(
        id=execution_id,
        project_id=counted.project_id,
        pipeline_id=trigger.pipeline_id,
        version_id=counted.version_id,
        number=counted.number,
        attempt=1,
        event=trigger.event,
        ref=trigger.ref,
        sha=trigger.sha,
        github=github,
        vars=dict(trigger.variables),
        triggered_by=trigger.user_id,
        actor=trigger.actor,
        cancel_requested=False,
        cancel_in_progress=False,
        workdir=trigger.workdir,
        repository_id=trigger.repository_id,
        trusted=trigger.trusted,
        needs_approval=trigger.needs_approval,
    )
