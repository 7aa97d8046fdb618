"""The guards that endpoints name. Deny by default: an endpoint without one fails a test."""

from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection

from app.auth.authentication import Authenticator
from app.auth.cookies import COOKIE, refuse_cross_site
from app.auth.errors import AdministratorOnly, PeopleOnly
from app.auth.principals import ANONYMOUS, Principal, Scope, require_scope
from app.core.errors import Unauthenticated
from app.settings import Settings

_bearer = HTTPBearer(auto_error=False, scheme_name="API token", description="An API token")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="Session")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def settings_of(connection: HTTPConnection) -> Settings:
    """The settings of the application that answers."""
    settings: Settings = connection.app.state.runtime.settings
    return settings


def authenticator_of(connection: HTTPConnection) -> Authenticator:
    """What turns credentials into principals."""
    authenticator: Authenticator = connection.app.state.runtime.authenticator
    return authenticator


SettingsOf = Annotated[Settings, Depends(settings_of)]
AuthenticatorOf = Annotated[Authenticator, Depends(authenticator_of)]


async def caller(
    request: Request,
    authenticator: AuthenticatorOf,
    settings: SettingsOf,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Principal:
    """Who asks: a bearer token wins over a cookie; neither means anonymous."""
    principal = ANONYMOUS
    if bearer is not None:
        principal = await authenticator.by_token(bearer.credentials)
    elif cookie is not None and (found := await authenticator.by_session(cookie)) is not None:
        refuse_cross_site(request, settings, always=False)
        principal = found
    needed = Scope.READ if request.method in _SAFE else Scope.WRITE
    if not principal.is_anonymous:
        structlog.contextvars.bind_contextvars(user_id=str(principal.user_id))
        require_scope(principal, needed)
    return principal


Caller = Annotated[Principal, Depends(caller)]
"""Anybody, also anonymous: what they see is decided by `visible_to`."""


def current_user(principal: Caller) -> Principal:
    """A user, or the token of a project."""
    if principal.is_anonymous:
        raise Unauthenticated
    return principal


CurrentUser = Annotated[Principal, Depends(current_user)]


def person(principal: CurrentUser) -> Principal:
    """A user who is no token of a project."""
    if principal.project_id is not None:
        raise PeopleOnly
    return principal


Person = Annotated[Principal, Depends(person)]


def full_user(principal: Person) -> Principal:
    """A user whose credential has the scope `admin`: for one's own credentials."""
    require_scope(principal, Scope.ADMIN)
    return principal


FullUser = Annotated[Principal, Depends(full_user)]


def administrator(principal: CurrentUser) -> Principal:
    """A system administrator, with the scope `admin`."""
    if not principal.is_administrator:
        raise AdministratorOnly
    return principal


Administrator = Annotated[Principal, Depends(administrator)]


def public() -> None:
    """Names that a route is for everybody and looks at no data."""


Public = Depends(public)
GUARDS = (public, caller, current_user, full_user, administrator)
"""Every route depends on one of these."""
