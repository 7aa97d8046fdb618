"""What can be wrong with an environment and what belongs to it."""

from app.core.errors import Conflict, Invalid, NotFound


class EnvironmentNotFound(NotFound):
    code, title = "environment_not_found", "No such environment"


class EnvironmentNameTaken(Conflict):
    code, title = "environment_name_taken", "Another environment has this name"


class NobodyCouldApprove(Invalid):
    code, title = "nobody_could_approve", "Too few people could approve"


class ApproverNotMember(Invalid):
    code, title = "approver_not_member", "An approver is no member of the project"
