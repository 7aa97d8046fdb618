"""What can be wrong with who you are."""

from app.core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)


class BadCredentials(Unauthenticated):
    """Also when there is no such user: the answer must not tell."""

    code, title = "bad_credentials", "Name or password is wrong"


class InvalidToken(Unauthenticated):
    code, title = "invalid_token", "The API token is unknown, expired or revoked"


class InsufficientScope(Forbidden):
    code, title = "insufficient_scope", "The API token does not have the scope for this"


class CrossSiteRequest(Forbidden):
    code, title = "cross_site_request", "A browser sent this from another site"


class AdministratorOnly(Forbidden):
    code, title = "administrator_only", "Only an administrator may do this"


class TooManyLogins(TooManyRequests):
    code, title = "too_many_logins", "Too many failed attempts to log in"


class UserNotFound(NotFound):
    code, title = "user_not_found", "No such user"


class TokenNotFound(NotFound):
    code, title = "token_not_found", "You have no such API token"


class LinkIsInvalid(NotFound):
    code, title = "invalid_link", "The link is used, expired or unknown"


class PeopleOnly(Forbidden):
    code, title = "people_only", "The token of a project cannot do this"


class ProviderNotFound(NotFound):
    code, title = "provider_not_found", "No such OpenID Connect provider"


class ProviderFailed(Unavailable):
    code, title = "provider_failed", "The OpenID Connect provider does not answer as it should"


class LogInRefused(BadRequest):
    code, title = "login_refused", "The log-in at the provider was not completed or not by you"


class IdentityUnknown(Forbidden):
    code, title = "identity_unknown", "No user is linked to this account"


class IdentityTaken(Conflict):
    code, title = "identity_taken", "Another user is linked to this account"


class IdentityNotFound(NotFound):
    code, title = "identity_not_found", "You have no such linked account"


class SessionsOnly(Forbidden):
    code, title = "sessions_only", "Only a browser that is logged in can do this"


class SessionNotFound(NotFound):
    code, title = "session_not_found", "You have no such session"


class UserNameTaken(Conflict):
    code, title = "user_name_taken", "Another user has this name"


class LastAdministrator(Conflict):
    code, title = "last_administrator", "There must be an active administrator"


class TokenExceedsCaller(Forbidden):
    code, title = "token_exceeds_caller", "A token cannot be worth more than the one that makes it"
