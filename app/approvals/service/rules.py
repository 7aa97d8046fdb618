"""What an environment demands, as values: who may vote, from which branches, how long to wait."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from app.approvals.errors import NotAnApprover, SelfApproval
from app.approvals.models import ApprovalRequest
from app.approvals.repository.people import Person
from app.credentials.models import Environment
from app.engine.filters.globs import included
from app.executions.models import Execution
from app.projects.models import Role
from app.projects.rights import FORK_APPROVERS, is_at_least

EXPIRES_AFTER = timedelta(days=30)
"""How long a request stays open once its wait timer has ended, if neither the environment nor a
global setting says otherwise."""
LOOK_AGAIN_AFTER = timedelta(minutes=5)
"""So much later, at most, a change of the rules reaches those that wait already."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The protection of an environment as it is now. The defaults protect nothing."""

    environment_id: uuid.UUID | None = None
    required: int = 0
    approver_ids: frozenset[str] = frozenset()
    approver_role: Role | None = None
    prevent_self_approval: bool = False
    wait: timedelta = timedelta()
    branches: tuple[str, ...] = ()
    expires_after: timedelta = EXPIRES_AFTER

    @classmethod
    def of_forks(cls, expires_after: timedelta) -> Self:
        """What holds for executions of pull requests from forks."""
        return cls(required=1, approver_role=FORK_APPROVERS, expires_after=expires_after)

    @classmethod
    def of(cls, environment: Environment | None, expires_after: timedelta = EXPIRES_AFTER) -> Self:
        """The rules of an environment; one that nobody has made has none.

        Parameters: `expires_after` holds where the environment does not say it.
        """
        if environment is None:
            return cls()
        hours = environment.approval_hours
        return cls(
            environment_id=environment.id,
            required=environment.required_approvals,
            approver_ids=frozenset(environment.approver_ids),
            approver_role=environment.approver_role,
            prevent_self_approval=environment.prevent_self_approval,
            wait=timedelta(minutes=environment.wait_minutes),
            branches=tuple(environment.allowed_branches),
            expires_after=expires_after if hours is None else timedelta(hours=hours),
        )

    @property
    def have_it_wait(self) -> bool:
        """Whether a job waits at all."""
        return self.required > 0 or bool(self.wait)

    def refusal(self, ref: str | None) -> str | None:
        """Why an execution of this full ref may not use the environment; None: it may."""
        if not self.branches:
            return None
        listed = ", ".join(self.branches)
        if ref is None:
            return f"only branches and tags like {listed} are allowed, and it runs without any"
        name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        if included(self.branches, name):
            return None
        return f"only branches and tags like {listed} are allowed, not {name}"

    def wait_until(self, asked_at: datetime) -> datetime | None:
        """When the wait timer ends."""
        return asked_at + self.wait if self.wait else None

    def expires_at(self, asked_at: datetime) -> datetime:
        """When nobody waits for votes any more."""
        return asked_at + self.wait + self.expires_after

    def is_approver(self, person: Person) -> bool:
        """Whether the environment names this person, by itself or by its role."""
        if person.role is None:
            return False
        if str(person.id) in self.approver_ids:
            return True
        return self.approver_role is not None and is_at_least(person.role, self.approver_role)

    def may_approve(self, person: Person, starters: "Starters") -> bool:
        """Whether the vote of this person counts."""
        is_barred = self.prevent_self_approval and starters.include(person)
        return self.is_approver(person) and not is_barred

    def require_approver(self, person: Person | None, starters: "Starters") -> None:
        """Refuse everybody else.

        Raises: NotAnApprover, SelfApproval.
        """
        if person is None or not self.is_approver(person):
            raise NotAnApprover(
                "ask one of the approvers that its environment names"
                if self.environment_id is not None
                else f"ask somebody who is at least {self.approver_role} of the project"
            )
        if self.prevent_self_approval and starters.include(person):
            raise SelfApproval("somebody else has to vote: you have started or re-run it")


@dataclass(frozen=True, slots=True)
class Starters:
    """Who started an execution, or asked for its present attempt: user ids as text.

    Who pushes is only known by name: somebody of the same name counts as the same person.
    """

    ids: frozenset[str]
    actor: str

    @classmethod
    def of(cls, request: ApprovalRequest, execution: Execution) -> Self:
        """Those that a request names."""
        return cls(frozenset(request.started_by or ()), execution.actor)

    def include(self, person: Person) -> bool:
        """Whether this person is one of them."""
        return str(person.id) in self.ids or person.name.casefold() == self.actor.casefold()
