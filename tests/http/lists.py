"""The lists of the API, and how to fill each of those that are in pages."""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.approvals.models import ApprovalState, Decision
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.core.orm import Base
from app.engine.states import ExecutionStatus, JobStatus
from app.main import create_app
from app.models import (
    AnsibleFile,
    AnsibleFileVersion,
    ApiToken,
    ApprovalRequest,
    ApprovalVote,
    Artifact,
    AuditEntry,
    CacheEntry,
    Credential,
    Delivery,
    DeliveryResult,
    Environment,
    Execution,
    Identity,
    Inbox,
    InboxItem,
    Job,
    Launcher,
    LoginSession,
    Member,
    NotificationChannel,
    NotificationDelivery,
    NotificationRule,
    PeriodicRun,
    Pipeline,
    PipelineVersion,
    Project,
    ProjectTeam,
    Report,
    Repository,
    Schedule,
    ScheduleFire,
    Secret,
    Step,
    Team,
    TeamMember,
    TestCase,
    User,
    Variable,
    Worker,
)
from app.projects.models import Role
from app.settings import Settings
from tests.http.rows import Rows

PREFIX = "/api/v1"
_TEST = bytes(range(16))
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)

Fill = Callable[["Place", Rows, int], Awaitable[Any]]


def lists() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Path, operation and schema of each GET that answers items."""
    schemas, answers = _answers()
    for path, operation, answer in answers:
        if "$ref" in answer:
            schema = schemas[answer["$ref"].rpartition("/")[2]]
            if schema.get("properties", {}).get("items", {}).get("type") == "array":
                yield path, operation, schema


def arrays() -> set[str]:
    """The paths that answer a bare array."""
    return {path for path, _, answer in _answers()[1] if answer.get("type") == "array"}


def _answers() -> tuple[dict[str, Any], list[tuple[str, dict[str, Any], dict[str, Any]]]]:
    """All schemas by name; path, operation and schema of the answer of each GET of JSON."""
    document = create_app(Settings(_env_file=None)).openapi()
    found = []
    for path, methods in document["paths"].items():
        operation = methods.get("get", {})
        content = operation.get("responses", {}).get("200", {}).get("content", {})
        found.append((path, operation, content.get("application/json", {}).get("schema", {})))
    return document["components"]["schemas"], found


def is_paged(operation: dict[str, Any]) -> bool:
    """Whether one asks for a part of the list."""
    return {"after", "limit"} <= {each["name"] for each in operation.get("parameters", ())}


@dataclass
class Place:
    """What the lists are about: one of each, which the reader owns."""

    user: uuid.UUID
    project: uuid.UUID
    pipeline: uuid.UUID
    environment: uuid.UUID
    execution: uuid.UUID
    repository: uuid.UUID
    schedule: uuid.UUID
    file: uuid.UUID
    team: uuid.UUID

    def path(self, route: str) -> str:
        """The address of a list."""
        return PREFIX + route.format(
            project=self.project,
            team="team",
            environment_id=self.environment,
            kind="inventories",
            file_name="hosts",
            pipeline_id=self.pipeline,
            schedule_id=self.schedule,
            repository_id=self.repository,
            execution_id=self.execution,
            test=_TEST.hex(),
            work_name="tools.check",
        )


def rows_of(session: AsyncSession, project: uuid.UUID) -> Rows:
    """Rows of this project, as far as they belong to one."""
    return Rows(session, {"project_id": project, "priority": "high"})


async def make_place(session: AsyncSession, user: uuid.UUID, project: uuid.UUID) -> Place:
    """One of each, in a project."""
    rows = rows_of(session, project)
    pipeline = (await rows.add(Pipeline))["id"]
    await rows.add(Inbox, user_id=user, seq=1000)
    await _test(rows, pipeline_id=pipeline, identity=_TEST)
    return Place(
        user=user,
        project=project,
        pipeline=pipeline,
        environment=(await rows.add(Environment))["id"],
        execution=(await rows.add(Execution, pipeline_id=pipeline))["id"],
        repository=(await rows.add(Repository))["id"],
        schedule=(await rows.add(Schedule, pipeline_id=pipeline))["id"],
        file=(await rows.add(AnsibleFile, name="hosts"))["id"],
        team=(await rows.add(Team, slug="team"))["id"],
    )


def _rows(model: type[Base], given: Callable[[Place], dict[str, Any]] = lambda _: {}) -> Fill:
    """One row more of a table."""

    async def fill(place: Place, rows: Rows, _number: int) -> None:
        await rows.add(model, **given(place))

    return fill


async def _pipeline(place: Place, rows: Rows, _number: int) -> None:
    pipeline = await rows.add(Pipeline)
    for _ in range(2):
        await rows.add(Execution, pipeline_id=pipeline["id"])


async def _token(place: Place, rows: Rows, _number: int) -> None:
    author = await rows.add(User)
    user = await rows.add(
        User, project_id=place.project, project_role="guest", made_by=author["id"]
    )
    await rows.add(ApiToken, user_id=user["id"])


async def _approval(place: Place, rows: Rows, number: int) -> None:
    """The job of an execution asks, or the execution as a whole."""
    whole = number % 2 == 0
    environment = await rows.add(Environment, approver_role=Role.GUEST)
    execution = await rows.add(Execution, status=ExecutionStatus.WAITING, needs_approval=whole)
    job = await rows.add(
        Job, execution_id=execution["id"], status=JobStatus.BLOCKED if whole else JobStatus.WAITING
    )
    request = await rows.add(
        ApprovalRequest,
        execution_id=execution["id"],
        job_id=None if whole else job["id"],
        environment_id=None if whole else environment["id"],
        attempt=1,
        required=2,
        state=ApprovalState.OPEN,
    )
    await rows.add(ApprovalVote, request_id=request["id"], decision=Decision.APPROVE)


async def _waiting(place: Place, rows: Rows, number: int) -> None:
    """Something queued, or something that waits for approval."""
    if number % 3 == 0:
        await rows.add(Job, status=JobStatus.QUEUED)
    else:
        await _approval(place, rows, number)


async def _schedule(rows: Rows, **given: Any) -> None:
    schedule = await rows.add(Schedule, **given)
    await rows.add(ScheduleFire, schedule_id=schedule["id"])


async def _repository(place: Place, rows: Rows, _number: int) -> None:
    repository = await rows.add(Repository)
    await rows.add(Delivery, repository_id=repository["id"])


async def _delivery(place: Place, rows: Rows, _number: int) -> None:
    delivery = await rows.add(Delivery, repository_id=place.repository)
    await rows.add(DeliveryResult, delivery_id=delivery["id"])


async def _rule(place: Place, rows: Rows, _number: int) -> None:
    await rows.add(NotificationRule, events=["failed"], branches=["main"])


async def _worker(place: Place, rows: Rows, _number: int) -> None:
    worker = await rows.add(Worker, labels=["linux"], seen_at=utcnow() + timedelta(hours=1))
    await rows.add(Job, status=JobStatus.RUNNING, worker_id=worker["id"])


async def _executed(place: Place, rows: Rows, _number: int) -> None:
    execution = await rows.add(Execution)
    job = await rows.add(Job, execution_id=execution["id"])
    await rows.add(Step, execution_id=execution["id"], job_id=job["id"])


async def _report(rows: Rows, pipeline_id: uuid.UUID | None, number: int) -> None:
    await rows.add(Report, pipeline_id=pipeline_id, day=_FIRST_DAY.date() + timedelta(number))


async def _fire(place: Place, rows: Rows, number: int) -> None:
    fire_at = _FIRST_DAY + timedelta(hours=number)
    await rows.add(ScheduleFire, schedule_id=place.schedule, fire_at=fire_at)


async def _test(rows: Rows, number: int = 0, **given: Any) -> None:
    """Of three tests one failed, one is flaky and one passed."""
    status = "passed" if number % 3 else "failed"
    await rows.add(TestCase, rank=number % 3, status=status, attempt=1, **given)


async def _version(place: Place, rows: Rows, number: int) -> None:
    await rows.add(AnsibleFileVersion, file_id=place.file, number=number)


FILLED: dict[str, Fill] = {
    "/pipelines/status": _pipeline,
    "/auth/identities": _rows(Identity, lambda at: {"user_id": at.user}),
    "/auth/tokens": _rows(ApiToken, lambda at: {"user_id": at.user}),
    "/auth/sessions": _rows(LoginSession, lambda at: {"user_id": at.user}),
    "/users": _rows(User),
    "/users/me/notifications": lambda at, rows, number: rows.add(
        InboxItem, user_id=at.user, seq=number, execution_id=new_id()
    ),
    "/projects": _rows(Project),
    "/projects/{project}/members": _rows(Member),
    "/projects/{project}/teams": _rows(ProjectTeam),
    "/projects/{project}/tokens": _token,
    "/teams": _rows(Team),
    "/teams/{team}/members": _rows(TeamMember, lambda at: {"team_id": at.team}),
    "/projects/{project}/environments": lambda at, rows, number: rows.add(
        Environment, approver_role=Role.GUEST, approver_ids=[str(at.user)]
    ),
    "/projects/{project}/variables": _rows(
        Variable, lambda at: {"scope_id": at.project, "environment_id": None}
    ),
    "/projects/{project}/environments/{environment_id}/variables": _rows(
        Variable, lambda at: {"scope_id": at.environment, "environment_id": at.environment}
    ),
    "/projects/{project}/secrets": _rows(
        Secret, lambda at: {"scope_id": at.project, "environment_id": None}
    ),
    "/projects/{project}/environments/{environment_id}/secrets": _rows(
        Secret, lambda at: {"scope_id": at.environment, "environment_id": at.environment}
    ),
    "/projects/{project}/credentials": _rows(Credential),
    "/projects/{project}/ansible/{kind}": _rows(AnsibleFile),
    "/projects/{project}/ansible/{kind}/{file_name}/versions": _version,
    "/pipelines": _pipeline,
    "/projects/{project}/pipelines": _pipeline,
    "/pipelines/{pipeline_id}/versions": _rows(
        PipelineVersion, lambda at: {"pipeline_id": at.pipeline}
    ),
    "/pipelines/{pipeline_id}/launchers": _rows(Launcher, lambda at: {"pipeline_id": at.pipeline}),
    "/executions": _executed,
    "/projects/{project}/reports": lambda at, rows, number: _report(rows, None, number),
    "/pipelines/{pipeline_id}/reports": lambda at, rows, number: _report(rows, at.pipeline, number),
    "/approvals": _approval,
    "/queue": _waiting,
    "/projects/{project}/schedules": lambda at, rows, number: _schedule(rows),
    "/pipelines/{pipeline_id}/schedules": lambda at, rows, number: _schedule(
        rows, pipeline_id=at.pipeline
    ),
    "/schedules/{schedule_id}/fires": _fire,
    "/projects/{project}/repositories": _repository,
    "/projects/{project}/repositories/{repository_id}/deliveries": _delivery,
    "/executions/{execution_id}/artifacts": _rows(
        Artifact, lambda at: {"execution_id": at.execution}
    ),
    "/projects/{project}/caches": _rows(CacheEntry),
    "/executions/{execution_id}/tests": lambda at, rows, number: _test(
        rows, number, execution_id=at.execution, pipeline_id=at.pipeline
    ),
    "/pipelines/{pipeline_id}/tests/{test}": lambda at, rows, number: _test(
        rows, number, pipeline_id=at.pipeline, identity=_TEST
    ),
    "/audit": lambda at, rows, number: rows.add(AuditEntry, user_id=new_id(), target_id=new_id()),
    "/projects/{project}/audit": lambda at, rows, number: rows.add(
        AuditEntry, user_id=new_id(), target_id=new_id(), project_id=at.project
    ),
    "/projects/{project}/channels": _rows(NotificationChannel),
    "/projects/{project}/notification-rules": _rule,
    "/projects/{project}/notification-deliveries": _rows(
        NotificationDelivery, lambda at: {"subject_id": new_id()}
    ),
    "/workers": _worker,
    "/periodic-work/{work_name}/runs": _rows(PeriodicRun, lambda at: {"name": "tools.check"}),
}
"""What makes a list one item longer; the numbers of the calls begin with 1."""
