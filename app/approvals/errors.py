"""What may be true of an approval when a vote does not count."""

from app.core.errors import Conflict, Forbidden, NotFound


class ApprovalNotFound(NotFound):
    code, title = "approval_not_found", "No such request for approval"


class ApprovalClosed(Conflict):
    code, title = "approval_closed", "Nobody waits for this approval any more"


class AlreadyVoted(Conflict):
    code, title = "already_voted", "You have voted on this already"


class NotAnApprover(Forbidden):
    code, title = "not_an_approver", "The environment does not name you as an approver"


class SelfApproval(Forbidden):
    code, title = "self_approval", "Who started it may not approve it"


class PeopleOnly(Forbidden):
    code, title = "people_only", "Only people approve, not the tokens of projects"
