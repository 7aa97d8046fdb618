"""Who may do what in a project: the only table of rights. `docs/rights.md` is made from it.

A role is held by a membership, or by that of a team: the highest counts. Everybody who may see a
public project, and every user for an internal one, has the rights of `VISITOR` there; a membership
adds to that and never takes away. System administrators may do everything. A token without the
scope `admin` has none of the rights in `NEEDS_ADMIN_SCOPE`.
"""

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from app.auth.principals import Principal, Scope
from app.projects.models import Role, Visibility


class Action(StrEnum):
    """Something that may be done in a project."""

    PROJECT_READ = "project.read"
    PROJECT_UPDATE = "project.update"
    PROJECT_VISIBILITY = "project.visibility"
    PROJECT_DELETE = "project.delete"
    MEMBER_READ = "member.read"
    MEMBER_WRITE = "member.write"
    MEMBER_LEAVE = "member.leave"
    TOKEN_READ = "token.read"  # noqa: S105  a right
    TOKEN_WRITE = "token.write"  # noqa: S105  a right
    PIPELINE_READ = "pipeline.read"
    PIPELINE_SOURCE = "pipeline.source"
    PIPELINE_WRITE = "pipeline.write"
    PIPELINE_DELETE = "pipeline.delete"
    EXECUTION_READ = "execution.read"
    EXECUTION_START = "execution.start"
    EXECUTION_CANCEL = "execution.cancel"
    EXECUTION_DELETE = "execution.delete"
    APPROVAL_VOTE = "approval.vote"
    LOG_READ = "log.read"
    ARTIFACT_READ = "artifact.read"
    ARTIFACT_DELETE = "artifact.delete"
    CACHE_READ = "cache.read"
    CACHE_DELETE = "cache.delete"
    AUDIT_READ = "audit.read"
    NOTIFICATION_READ = "notification.read"
    NOTIFICATION_WRITE = "notification.write"
    ENVIRONMENT_READ = "environment.read"
    ENVIRONMENT_WRITE = "environment.write"
    VARIABLE_READ = "variable.read"
    VARIABLE_WRITE = "variable.write"
    SECRET_READ = "secret.read"  # noqa: S105  a right
    ANSIBLE_READ = "ansible.read"
    ANSIBLE_WRITE = "ansible.write"
    SECRET_WRITE = "secret.write"  # noqa: S105  a right
    REPOSITORY_READ = "repository.read"
    REPOSITORY_WRITE = "repository.write"
    REPOSITORY_REDELIVER = "repository.redeliver"
    CREDENTIAL_READ = "credential.read"
    CREDENTIAL_WRITE = "credential.write"
    SCHEDULE_READ = "schedule.read"
    SCHEDULE_WRITE = "schedule.write"


LEAST: Mapping[Action, Role] = MappingProxyType(
    {
        Action.PROJECT_READ: Role.GUEST,
        Action.PROJECT_UPDATE: Role.MAINTAINER,
        Action.PROJECT_VISIBILITY: Role.OWNER,
        Action.PROJECT_DELETE: Role.OWNER,
        Action.MEMBER_READ: Role.DEVELOPER,
        Action.MEMBER_WRITE: Role.MAINTAINER,
        Action.MEMBER_LEAVE: Role.GUEST,
        Action.TOKEN_READ: Role.MAINTAINER,
        Action.TOKEN_WRITE: Role.MAINTAINER,
        Action.PIPELINE_READ: Role.GUEST,
        Action.PIPELINE_SOURCE: Role.REPORTER,
        Action.PIPELINE_WRITE: Role.DEVELOPER,
        Action.PIPELINE_DELETE: Role.MAINTAINER,
        Action.EXECUTION_READ: Role.GUEST,
        Action.EXECUTION_START: Role.DEVELOPER,
        Action.EXECUTION_CANCEL: Role.DEVELOPER,
        Action.EXECUTION_DELETE: Role.MAINTAINER,
        Action.APPROVAL_VOTE: Role.GUEST,
        Action.LOG_READ: Role.REPORTER,
        Action.ARTIFACT_READ: Role.REPORTER,
        Action.ARTIFACT_DELETE: Role.DEVELOPER,
        Action.CACHE_READ: Role.REPORTER,
        Action.CACHE_DELETE: Role.DEVELOPER,
        Action.AUDIT_READ: Role.MAINTAINER,
        Action.NOTIFICATION_READ: Role.DEVELOPER,
        Action.NOTIFICATION_WRITE: Role.MAINTAINER,
        Action.ENVIRONMENT_READ: Role.REPORTER,
        Action.ENVIRONMENT_WRITE: Role.MAINTAINER,
        Action.VARIABLE_READ: Role.DEVELOPER,
        Action.VARIABLE_WRITE: Role.MAINTAINER,
        Action.SECRET_READ: Role.DEVELOPER,
        Action.SECRET_WRITE: Role.MAINTAINER,
        Action.REPOSITORY_READ: Role.DEVELOPER,
        Action.REPOSITORY_WRITE: Role.MAINTAINER,
        Action.REPOSITORY_REDELIVER: Role.DEVELOPER,
        Action.CREDENTIAL_READ: Role.MAINTAINER,
        Action.CREDENTIAL_WRITE: Role.MAINTAINER,
        Action.SCHEDULE_READ: Role.REPORTER,
        Action.SCHEDULE_WRITE: Role.DEVELOPER,
        Action.ANSIBLE_READ: Role.REPORTER,
        Action.ANSIBLE_WRITE: Role.DEVELOPER,
    }
)
"""The least role for each action."""

MEANING: Mapping[Action, str] = MappingProxyType(
    {
        Action.PROJECT_READ: "See that the project exists, its name and description",
        Action.PROJECT_UPDATE: "Change name, address and description",
        Action.PROJECT_VISIBILITY: "Change who may see the project besides its members",
        Action.PROJECT_DELETE: "Delete the project with everything in it",
        Action.MEMBER_READ: "List members, teams and launchers",
        Action.MEMBER_WRITE: "Add, change and remove members and teams below the own role "
        "(owners: of any role), and launchers",
        Action.MEMBER_LEAVE: "End the own membership",
        Action.TOKEN_READ: "List the tokens of the project",
        Action.TOKEN_WRITE: "Make and revoke tokens of the project, up to the own role",
        Action.PIPELINE_READ: "See pipelines and their state",
        Action.PIPELINE_SOURCE: "Read the versions of a pipeline",
        Action.PIPELINE_WRITE: "Create and edit pipelines, roll back",
        Action.PIPELINE_DELETE: "Delete a pipeline with its executions",
        Action.EXECUTION_READ: "See executions, jobs, steps and events",
        Action.EXECUTION_START: "Start and re-run executions",
        Action.EXECUTION_CANCEL: "Cancel executions",
        Action.EXECUTION_DELETE: "Delete executions",
        Action.APPROVAL_VOTE: "Approve and reject, where the environment names one as approver; "
        "developers: also pull requests from forks",
        Action.LOG_READ: "Read logs and step summaries",
        Action.ARTIFACT_READ: "Download artifacts and test reports",
        Action.ARTIFACT_DELETE: "Delete artifacts before they expire",
        Action.CACHE_READ: "List caches",
        Action.CACHE_DELETE: "Delete caches",
        Action.AUDIT_READ: "See who changed what in the project",
        Action.NOTIFICATION_READ: "See channels, notification rules and deliveries",
        Action.NOTIFICATION_WRITE: "Create, change, test and delete channels and "
        "notification rules",
        Action.ENVIRONMENT_READ: "See environments and how they are protected",
        Action.ENVIRONMENT_WRITE: "Create, change and delete environments",
        Action.VARIABLE_READ: "See variables with their values",
        Action.VARIABLE_WRITE: "Set and delete variables",
        Action.SECRET_READ: "See which secrets there are; nobody sees their values",
        Action.SECRET_WRITE: "Set and delete secrets",
        Action.REPOSITORY_READ: "See repositories and what their webhooks delivered",
        Action.REPOSITORY_WRITE: "Add, change and delete repositories, renew webhook secrets",
        Action.REPOSITORY_REDELIVER: "Work on a webhook delivery once more",
        Action.CREDENTIAL_READ: "See which credentials there are; nobody sees what is secret",
        Action.CREDENTIAL_WRITE: "Create, change and delete credentials",
        Action.SCHEDULE_READ: "See schedules and what they fired",
        Action.SCHEDULE_WRITE: "Make, change and delete schedules; they run with the rights of "
        "whoever changed them last",
        Action.ANSIBLE_READ: "Read inventories and playbooks",
        Action.ANSIBLE_WRITE: "Create, change and delete inventories and playbooks",
    }
)

NEEDS_ADMIN_SCOPE = frozenset(
    {
        Action.PROJECT_VISIBILITY,
        Action.PROJECT_DELETE,
        Action.MEMBER_WRITE,
        Action.MEMBER_LEAVE,
        Action.TOKEN_WRITE,
    }
)

LAUNCHING = frozenset({Action.PIPELINE_READ, Action.EXECUTION_READ, Action.EXECUTION_START})
"""What launchers of one pipeline may do with it, whatever they are in its project."""

FORK_APPROVERS = LEAST[Action.EXECUTION_START]
"""The least role that lets pull requests from forks run: who could start the same by hand."""

VISITOR = Role.REPORTER
"""What somebody without membership is where the visibility lets them in."""

_ORDER = (Role.GUEST, Role.REPORTER, Role.DEVELOPER, Role.MAINTAINER, Role.OWNER)
_RANK = {role: rank for rank, role in enumerate(_ORDER)}


def is_at_least(role: Role, least: Role) -> bool:
    """True when `role` includes all that `least` may do."""
    return _RANK[role] >= _RANK[least]


def highest(roles: Iterable[Role]) -> Role | None:
    """The one that includes all others; None of none."""
    return max(roles, key=_RANK.__getitem__, default=None)


def roles_from(least: Role) -> tuple[Role, ...]:
    """`least` and all higher roles."""
    return _ORDER[_RANK[least] :]


def open_to(principal: Principal) -> tuple[Visibility, ...]:
    """The visibilities that let this caller in without membership."""
    if principal.is_anonymous:
        return (Visibility.PUBLIC,)
    return (Visibility.PUBLIC, Visibility.INTERNAL)


def effective_role(
    principal: Principal, visibility: Visibility, membership: Role | None
) -> Role | None:
    """What a caller is in a project; None: it must not be told that the project exists."""
    if principal.is_administrator:
        return Role.OWNER
    if principal.project_id is not None:
        return membership
    if visibility not in open_to(principal):
        return membership
    if membership is None or is_at_least(VISITOR, membership):
        return VISITOR
    return membership


def allows(principal: Principal, role: Role | None, action: Action) -> bool:
    """True when a caller with this effective role may do `action`."""
    if action in NEEDS_ADMIN_SCOPE and Scope.ADMIN not in principal.scopes:
        return False
    return role is not None and is_at_least(role, LEAST[action])


def outranks(actor: Role, other: Role) -> bool:
    """True when `actor` may give or take the role `other`: owners any, others what is below."""
    return actor is Role.OWNER or _RANK[actor] > _RANK[other]


PAGE = """# Who may do what in a project

Made from `app/projects/rights.py` by `python -m app.projects.rights > docs/rights.md`.

- A role has all rights of the roles left of it. System administrators may do everything.
- Everybody has the rights of a reporter in a public project, every user in an internal one; a
  membership adds to that and never takes away.
- The role is the highest of the own membership and of those of one's teams.
- A launcher of a pipeline sees that pipeline and its executions and starts it, without a role in
  the project, and nothing else: no logs, no artifacts, no other pipeline.
- The token of a project acts in that project only, in its role, which was not above that of who
  made it; it sees nothing else, and goes with the project.
- Whoever may not know of a project gets 404 for everything in it; who may see it but not do
  something gets 403 (or 401 when not logged in).
- Nobody gives a role that is not below the own one, except owners; nobody changes or removes a
  member whose role is not below the own one, except owners. A project always has an owner.
- An API token needs the scope `read` to look, `write` to change, and `admin` as well for the
  rights marked so; without `admin` an administrator's token is that of a user.

"""


def as_markdown() -> str:
    """The page of the documentation."""
    heads = [role.value for role in _ORDER]
    lines = [
        "| action | meaning | " + " | ".join(heads) + " | scope |",
        "|---|---|" + ":-:|" * len(heads) + "---|",
    ]
    for action in Action:
        marks = ["✓" if is_at_least(role, LEAST[action]) else "" for role in _ORDER]
        scope = "admin" if action in NEEDS_ADMIN_SCOPE else ""
        cells = [f"`{action.value}`", MEANING[action], *marks, scope]
        lines.append("| " + " | ".join(cells) + " |")
    return PAGE + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
