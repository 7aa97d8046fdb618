"""What can be wrong with a project or a membership."""

from app.core.errors import Conflict, Forbidden, NotFound


class ProjectNotFound(NotFound):
    code, title = "project_not_found", "No such project, or you may not see it"


class ProjectSlugTaken(Conflict):
    code, title = "project_slug_taken", "Another project has this address"


class CreationIsForAdministrators(Forbidden):
    code, title = "creation_is_for_administrators", "Only administrators make projects here"


class RoleTooLow(Forbidden):
    code, title = "role_too_low", "Your role in the project does not allow this"


class MemberNotFound(NotFound):
    code, title = "member_not_found", "No such member"


class TeamNotFound(NotFound):
    code, title = "team_not_found", "No such team, or you are not in it"


class TeamSlugTaken(Conflict):
    code, title = "team_slug_taken", "Another team has this address"


class ManagersOnly(Forbidden):
    code, title = "managers_only", "Only managers of the team may do this"


class LauncherNotFound(NotFound):
    code, title = "launcher_not_found", "No such launcher"


class LastOwner(Conflict):
    code, title = "last_owner", "A project must have an owner"
