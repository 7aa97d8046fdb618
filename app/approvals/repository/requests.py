"""Requests for approval and their votes."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, Text, case, exists, or_, select, type_coerce

from app.approvals.errors import ApprovalNotFound
from app.approvals.models import ApprovalRequest, ApprovalState, ApprovalVote
from app.approvals.repository.asked import Asked
from app.auth.principals import Principal
from app.core.clock import db_now
from app.core.pagination import PageParams
from app.core.repository import Repository
from app.credentials.models import Environment
from app.engine.states import TERMINAL_EXECUTION, ExecutionStatus, JobStatus
from app.executions.models import Execution, GroupMember, Job
from app.jobs.catalog import PassExecution, PassGate
from app.projects.models import Role
from app.projects.repository import permitted
from app.projects.repository.scope import memberships
from app.projects.rights import FORK_APPROVERS, Action, roles_from

_IS_OF_JOB = ApprovalRequest.job_id.is_not(None)
_IS_ASKED = or_(
    _IS_OF_JOB & (Job.status == JobStatus.WAITING) & (Job.attempt == ApprovalRequest.attempt),
    ~_IS_OF_JOB
    & Execution.needs_approval
    & Execution.status.not_in(TERMINAL_EXECUTION)
    & (Execution.attempt == ApprovalRequest.attempt),
)
_STATE = case(
    ((ApprovalRequest.state == ApprovalState.OPEN) & ~_IS_ASKED, ApprovalState.CLOSED.value),
    else_=type_coerce(ApprovalRequest.state, Text),
)
_AT_GATE = type_coerce(Job.options, Text).contains('"hold":"gate"')
"""As `app.core.orm.Json` writes it: the job waits for no `max-parallel` slot."""


class ApprovalRepository(Repository):
    """Requests; those that the API shows are scoped to what the caller may see."""

    async def get(self, request_id: uuid.UUID) -> ApprovalRequest | None:
        """One as it is now, whatever this session has read before."""
        return await self.session.get(ApprovalRequest, request_id, populate_existing=True)

    async def of_attempt(self, job_id: uuid.UUID, attempt: int) -> ApprovalRequest | None:
        """The request of an attempt, as it is now."""
        statement = (
            select(ApprovalRequest)
            .where(ApprovalRequest.job_id == job_id, ApprovalRequest.attempt == attempt)
            .execution_options(populate_existing=True)
        )
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def of_held_execution(
        self, execution_id: uuid.UUID, attempt: int
    ) -> ApprovalRequest | None:
        """The request of an attempt of a whole execution, as it is now."""
        statement = (
            select(ApprovalRequest)
            .where(
                ApprovalRequest.execution_id == execution_id,
                ApprovalRequest.attempt == attempt,
                ~_IS_OF_JOB,
            )
            .execution_options(populate_existing=True)
        )
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def add(self, row: ApprovalRequest | ApprovalVote) -> None:
        """A new request or vote; its key is known to be free under the execution's lock."""
        self.session.add(row)
        await self.session.flush()

    async def votes(self, request_ids: Sequence[uuid.UUID]) -> Sequence[ApprovalVote]:
        """The votes on some requests, in order."""
        statement = (
            select(ApprovalVote)
            .where(ApprovalVote.request_id.in_(request_ids))
            .order_by(ApprovalVote.created_at, ApprovalVote.user_id)
        )
        return list((await self.session.execute(statement)).scalars())

    async def require(self, principal: Principal, request_id: uuid.UUID) -> Asked:
        """One that the caller may see.

        Raises: ApprovalNotFound.
        """
        statement = _asked(principal).where(ApprovalRequest.id == request_id)
        row = (await self.session.execute(statement)).one_or_none()
        if row is None:
            raise ApprovalNotFound(f"there is no request for approval {request_id}")
        return Asked(*row)

    async def of_execution(self, principal: Principal, execution_id: uuid.UUID) -> list[Asked]:
        """All of an execution, of all attempts, oldest first."""
        statement = (
            _asked(principal)
            .where(ApprovalRequest.execution_id == execution_id)
            .order_by(ApprovalRequest.id)
        )
        return [Asked(*row) for row in await self.session.execute(statement)]

    async def waiting_for(
        self, principal: Principal, params: PageParams
    ) -> tuple[list[Asked], str | None]:
        """Open ones that this person may vote on and has not, newest first."""
        statement = (
            _asked(principal)
            .outerjoin(Environment, Environment.id == ApprovalRequest.environment_id)
            .where(
                ApprovalRequest.state == ApprovalState.OPEN,
                _IS_ASKED,
                ApprovalRequest.required > 0,
                or_(
                    _IS_OF_JOB & _names(principal) & _is_free(principal),
                    ~_IS_OF_JOB & _has_role(principal, FORK_APPROVERS),
                ),
                ~exists().where(
                    ApprovalVote.request_id == ApprovalRequest.id,
                    ApprovalVote.user_id == principal.user_id,
                ),
            )
            .order_by(ApprovalRequest.id.desc())
            .limit(params.limit + 1)
        )
        if params.after is not None:
            statement = statement.where(ApprovalRequest.id < params.after)
        rows = [Asked(*row) for row in await self.session.execute(statement)]
        items = rows[: params.limit]
        return items, str(items[-1].request.id) if len(rows) > params.limit else None

    async def due(self, *, limit: int) -> Sequence[PassGate | PassExecution]:
        """The looks at requests that are due: open ones, and approved ones of executions that have
        not started yet."""
        statement = (
            select(ApprovalRequest.job_id, ApprovalRequest.execution_id, ApprovalRequest.attempt)
            .where(
                ApprovalRequest.state.in_((ApprovalState.OPEN, ApprovalState.APPROVED)),
                ApprovalRequest.look_after <= db_now(),
            )
            .order_by(ApprovalRequest.look_after)
            .limit(limit)
        )
        return [
            PassExecution(row[1], row[2]) if row[0] is None else PassGate(row[0], row[2])
            for row in await self.session.execute(statement)
        ]

    async def unasked_executions(self, *, limit: int) -> Sequence[PassExecution]:
        """The looks at executions that wait for approval although nobody was asked."""
        asked = exists().where(
            ApprovalRequest.execution_id == Execution.id,
            ApprovalRequest.attempt == Execution.attempt,
            ~_IS_OF_JOB,
        )
        statement = (
            select(Execution.id, Execution.attempt)
            .where(Execution.status == ExecutionStatus.WAITING, Execution.needs_approval, ~asked)
            .limit(limit)
        )
        return [PassExecution(row[0], row[1]) for row in await self.session.execute(statement)]

    async def unasked(self, *, for_s: float, limit: int) -> Sequence[PassGate]:
        """The looks at attempts that have waited at their gate for so long, and nobody knows."""
        asked = exists().where(
            ApprovalRequest.job_id == Job.id,
            ApprovalRequest.attempt == Job.attempt,
            ApprovalRequest.state == ApprovalState.OPEN,
        )
        grouped = exists().where(GroupMember.job_id == Job.id, GroupMember.attempt == Job.attempt)
        statement = (
            select(Job.id, Job.attempt)
            .where(Job.status == JobStatus.WAITING, Job.queued_at < db_now(-for_s), _AT_GATE)
            .where(~asked, ~grouped)
            .limit(limit)
        )
        return [PassGate(row[0], row[1]) for row in await self.session.execute(statement)]


def _asked(
    principal: Principal,
) -> Select[ApprovalRequest, str, str | None, str | None, int, str, str, str | None]:
    return (
        select(
            ApprovalRequest,
            type_coerce(_STATE, Text).label("state"),
            Job.key,
            Job.name,
            Execution.number,
            Execution.title,
            Execution.actor,
            Execution.sha,
        )
        .outerjoin(Job, Job.id == ApprovalRequest.job_id)
        .join(Execution, Execution.id == ApprovalRequest.execution_id)
        .where(
            permitted(
                Execution.project_id,
                principal,
                Action.EXECUTION_READ,
                pipeline_id=Execution.pipeline_id,
            )
        )
    )


def _names(principal: Principal) -> ColumnElement[bool]:
    """The environment names this person, by itself or by its role."""
    listed = type_coerce(Environment.approver_ids, Text).contains(f'"{principal.user_id}"')
    by_role = [(Environment.approver_role == role) & _has_role(principal, role) for role in Role]
    return or_(listed & _has_role(principal, Role.GUEST), *by_role)


def _has_role(principal: Principal, role: Role) -> ColumnElement[bool]:
    if principal.is_administrator:
        return ApprovalRequest.project_id.is_not(None)
    granted = memberships(principal)
    mine = select(granted.c.project_id).where(granted.c.role.in_(roles_from(role)))
    return ApprovalRequest.project_id.in_(mine)


def _is_free(principal: Principal) -> ColumnElement[bool]:
    """Nothing keeps this person from voting: see `service.rules.Starters`."""
    named = type_coerce(ApprovalRequest.started_by, Text).contains(f'"{principal.user_id}"')
    by_others = or_(ApprovalRequest.started_by.is_(None), ~named)
    others = by_others & (Execution.actor != principal.name)
    return or_(Environment.prevent_self_approval.is_(False), others)
