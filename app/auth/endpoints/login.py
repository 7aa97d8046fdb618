"""Log-in and log-out of browsers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from app.auth.cookies import clear_cookie, refuse_cross_site, set_cookie
from app.auth.dependencies import Caller, Person, Public, SettingsOf
from app.auth.errors import BadCredentials, CrossSiteRequest, LinkIsInvalid, TooManyLogins
from app.auth.schemas import Login, PasswordChange, PasswordLinkRedeem, UserRead
from app.auth.service.passwords import change_password, redeem_link
from app.auth.service.sessions import Client, log_in, log_out
from app.auth.throttle import LoginThrottle
from app.core.dependencies import DatabaseOf, Session

router = APIRouter(prefix="/auth", tags=["auth"])


def client_of(request: Request) -> Client:
    """Where a request comes from."""
    host = request.client.host if request.client else "unknown"
    return Client(host, request.headers.get("user-agent", ""))


def throttle_of(request: Request) -> LoginThrottle:
    """The login throttle of this application."""
    return LoginThrottle(request.app.state.runtime.redis)


def same_site(request: Request, settings: SettingsOf) -> None:
    """Refuse a log-in that another site sends: it would be a log-in as somebody else."""
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        refuse_cross_site(request, settings, always=True)


ClientOf = Annotated[Client, Depends(client_of)]
Throttle = Annotated[LoginThrottle, Depends(throttle_of)]


@router.post(
    "/login",
    dependencies=[Public, Depends(same_site)],
    responses={
        401: BadCredentials.doc(),
        403: CrossSiteRequest.doc(),
        429: TooManyLogins.doc(),
    },
)
async def login(
    body: Login,
    response: Response,
    database: DatabaseOf,
    throttle: Throttle,
    client: ClientOf,
    settings: SettingsOf,
) -> UserRead:
    """Log in: sets the session cookie."""
    user, secret = await log_in(
        database, throttle, name=body.name, password=body.password, client=client
    )
    set_cookie(response, secret, settings)
    return UserRead.model_validate(user)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(principal: Caller, session: Session, response: Response) -> None:
    """Log out: ends the session of this request."""
    clear_cookie(response)
    await log_out(session, principal=principal)


@router.post(
    "/password-links",
    dependencies=[Public, Depends(same_site)],
    responses={
        403: CrossSiteRequest.doc(),
        404: LinkIsInvalid.doc(),
        429: TooManyLogins.doc(),
    },
)
async def redeem_password_link(
    body: PasswordLinkRedeem,
    response: Response,
    database: DatabaseOf,
    throttle: Throttle,
    client: ClientOf,
    settings: SettingsOf,
) -> UserRead:
    """Set a password over a link, once, and log in: sets the session cookie."""
    user, secret = await redeem_link(
        database, throttle, token=body.token, new=body.new_password, client=client
    )
    set_cookie(response, secret, settings)
    return UserRead.model_validate(user)


@router.post(
    "/password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={401: BadCredentials.doc()},
)
async def password(
    principal: Person,
    body: PasswordChange,
    response: Response,
    database: DatabaseOf,
    client: ClientOf,
    settings: SettingsOf,
) -> None:
    """Change the own password: ends all sessions and begins a new one."""
    secret = await change_password(
        database,
        by=principal,
        current=body.current_password,
        new=body.new_password,
        client=client,
    )
    set_cookie(response, secret, settings)
