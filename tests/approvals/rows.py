"""A job that waits for approval, as rows."""

from datetime import timedelta

from app.approvals.models import ApprovalRequest, ApprovalState
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.engine.states import JobStatus
from app.executions.models import Execution, Job
from app.projects.models import Role
from tests.credentials.rows import add_environment


async def add_approval(database: Database, execution: Execution, like: Job) -> ApprovalRequest:
    """One more job of an execution, which waits for two members to approve it."""
    environment = await add_environment(
        database,
        execution.project_id,
        f"gated-{new_id()}",
        required_approvals=2,
        approver_role=Role.GUEST,
    )
    now = utcnow()
    job = Job(
        id=new_id(),
        execution_id=execution.id,
        position=100,
        key=f"gated-{new_id()}",
        job_id=like.job_id,
        name="gated",
        kind="job",
        path=[],
        needs=[],
        status=JobStatus.WAITING,
        outputs={},
        labels=[],
        environment=environment.name,
        options={"hold": "gate"},
        timeout_s=60.0,
        inputs={},
        annotations=[],
    )
    request = ApprovalRequest(
        id=new_id(),
        project_id=execution.project_id,
        execution_id=execution.id,
        job_id=job.id,
        attempt=1,
        environment=environment.name,
        environment_id=environment.id,
        required=2,
        expires_at=now + timedelta(days=1),
        state=ApprovalState.OPEN,
        created_at=now,
    )
    async with database.session() as session:
        session.add(job)
        await session.flush()
        session.add(request)
    return request
