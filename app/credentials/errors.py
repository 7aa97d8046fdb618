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


class VariableNotFound(NotFound):
    code, title = "variable_not_found", "No such variable"


class SecretNotFound(NotFound):
    code, title = "secret_not_found", "No such secret"


class TooManyValues(Conflict):
    code, title = "too_many_values", "There is no room for another one"


class SetMeanwhile(Conflict):
    code, title = "set_meanwhile", "Somebody else has set it at the same time"


class CredentialNotFound(NotFound):
    code, title = "credential_not_found", "No such credential"


class CredentialNameTaken(Conflict):
    code, title = "credential_name_taken", "Another credential has this name"


class UnusableContent(Invalid):
    code, title = "unusable_content", "The credential is not what its kind says"


class CredentialUnreadable(Conflict):
    code, title = "credential_unreadable", "The credential cannot be decrypted"
