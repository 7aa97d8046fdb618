"""Members: nobody can raise the own rights, and nobody can touch those of a higher role."""

from app.audit.recording import record_change
from app.auth.models import User
from app.auth.repository import UserRepository
from app.core.clock import utcnow
from app.core.db import AsyncSession
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import rights_of, touch
from app.projects.errors import LastOwner, MemberNotFound, RoleTooLow
from app.projects.models import Member, Role
from app.projects.repository import MemberRepository
from app.projects.rights import Action, outranks
from app.projects.service.access import Access, refusal


async def set_member(
    session: AsyncSession, *, access: Access, user_name: str, role: Role
) -> tuple[Member, User]:
    """Add a member or change the role of one; doing it twice is doing it once.

    Raises: RoleTooLow, LastOwner, UserNotFound.
    """
    repository = MemberRepository(session)
    owners = await repository.lock_owners(access.project.id)
    user = await UserRepository(session).require_by_name(user_name)
    member = await repository.get(access.project.id, user.id)
    require_outranked(access, role)
    before = None if member is None else {"role": member.role}
    if member is None:
        member = Member(
            project_id=access.project.id, user_id=user.id, role=role, created_at=utcnow()
        )
    elif member.role is not role:
        require_outranked(access, member.role)
        if list(owners) == [user.id]:
            raise LastOwner("make somebody else an owner first")
        member.role = role
    await repository.save(member, conflict=MemberNotFound())
    await touch(session, rights_of(user.id))
    publish_after_commit(session, RightsChanged(user_ids=[user.id]))
    await _record(session, access, "member.write", user, before, {"role": role})
    return member, user


async def remove_member(session: AsyncSession, *, access: Access, user_name: str) -> None:
    """End a membership: one's own, or that of somebody with a lower role.

    Raises: RoleTooLow, LastOwner, MemberNotFound.
    """
    by = access.principal
    is_own = not by.is_anonymous and user_name.casefold() == by.name.casefold()
    if not is_own and not access.allows(Action.MEMBER_WRITE):
        # First of all: whoever may not list the members must not learn who is one.
        raise refusal(access.principal, Action.MEMBER_WRITE)
    repository = MemberRepository(session)
    owners = await repository.lock_owners(access.project.id)
    user = await UserRepository(session).require_by_name(user_name)
    member = await repository.require(access.project.id, user.id)
    if not is_own:
        require_outranked(access, member.role)
    if list(owners) == [user.id]:
        raise LastOwner("make somebody else an owner first")
    await repository.delete(member)
    await touch(session, rights_of(user.id))
    publish_after_commit(session, RightsChanged(user_ids=[user.id]))
    await _record(session, access, "member.remove", user, {"role": member.role}, None)


async def _record(
    session: AsyncSession,
    access: Access,
    action: str,
    user: User,
    before: dict[str, Role] | None,
    after: dict[str, Role] | None,
) -> None:
    await record_change(
        session,
        access.principal,
        action,
        kind="member",
        target_id=user.id,
        name=user.name,
        project_id=access.project.id,
        before=before,
        after=after,
    )


def require_outranked(access: Access, role: Role) -> None:
    """Refuse to give or take a role that is not below the caller's own.

    Raises: RoleTooLow.
    """
    if not outranks(access.role, role):
        raise RoleTooLow(
            f"as {access.role.value} you may give and take only roles below your own, "
            f"not {role.value}"
        )
