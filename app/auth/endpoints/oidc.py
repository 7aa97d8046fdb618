"""Log-in with OpenID Connect providers, and the accounts that are linked to the caller."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator

from app.auth.attempts import Attempt, forget, is_local, link_proof, recall, remember
from app.auth.cookies import set_cookie
from app.auth.dependencies import Caller, FullUser, Person, Public, SettingsOf
from app.auth.endpoints.login import ClientOf
from app.auth.errors import (
    IdentityNotFound,
    IdentityTaken,
    IdentityUnknown,
    InsufficientScope,
    LogInRefused,
    ProviderFailed,
    ProviderNotFound,
    SessionsOnly,
)
from app.auth.provider import Challenge, ProviderClient
from app.auth.repository import IdentityRepository
from app.auth.schemas import IdentityRead, LinkStart, ProviderList, ProviderRead
from app.auth.service.identities import link, log_in_with, unlink
from app.core.dependencies import DatabaseOf, ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.settings import OidcProvider, Settings

router = APIRouter(prefix="/auth", tags=["auth"])
FAILURES: dict[int | str, dict[str, Any]] = {
    404: ProviderNotFound.doc(),
    503: ProviderFailed.doc(),
}


def _local_path(value: str) -> str:
    if not is_local(value):
        raise ValueError("must be a path of this server, such as /projects")
    return value


ProviderName = Annotated[
    str, Path(max_length=40, description="Name of a provider", examples=["company"])
]
Next = Annotated[
    str,
    AfterValidator(_local_path),
    Query(max_length=500, description="Where to go afterwards: a path of this server"),
]
State = Annotated[str, Query(max_length=4000, description="What the log-in was begun with")]
Code = Annotated[str, Query(max_length=4000, description="What the provider gives on success")]
Failure = Annotated[str, Query(max_length=4000, description="Why the provider lets nobody in")]


def provider_of(provider: ProviderName, settings: SettingsOf) -> OidcProvider:
    """The settings of a provider."""
    found = settings.oidc.get(provider)
    if found is None:
        raise ProviderNotFound
    return found


Chosen = Annotated[OidcProvider, Depends(provider_of)]


def _client(name: str, chosen: OidcProvider, settings: Settings) -> ProviderClient:
    # Never from the request: whoever chooses the header Host would choose where codes are sent.
    server = settings.server
    base = (server.base_url or f"http://{server.host}:{server.port}").rstrip("/")
    return ProviderClient(chosen, redirect_uri=f"{base}/api/v1/auth/oidc/{name}/callback")


@router.get("/oidc", dependencies=[Public])
async def list_providers(settings: SettingsOf) -> ProviderList:
    """What people can log in with besides a password."""
    items = [
        ProviderRead(name=name, title=provider.title or name)
        for name, provider in sorted(settings.oidc.items())
    ]
    return ProviderList(items=items)


@router.get(
    "/oidc/{provider}/login",
    dependencies=[Public],
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    responses=FAILURES,
)
async def begin(
    provider: ProviderName, chosen: Chosen, settings: SettingsOf, next: Next = "/"
) -> RedirectResponse:
    """Log in: sends the browser to the provider."""
    challenge = Challenge.new()
    url = await _client(provider, chosen, settings).authorization_url(challenge)
    response = RedirectResponse(url, status.HTTP_303_SEE_OTHER)
    remember(response, Attempt(provider, challenge, next), settings)
    return response


@router.post(
    "/oidc/{provider}/link",
    responses=FAILURES | {401: Unauthenticated.doc(), 403: SessionsOnly.doc()},
)
async def begin_link(
    principal: FullUser,
    provider: ProviderName,
    chosen: Chosen,
    settings: SettingsOf,
    request: Request,
    response: Response,
) -> LinkStart:
    """Begin to link an account to the caller: the browser goes to the address in the answer."""
    if principal.how != "session":
        raise SessionsOnly
    challenge = Challenge.new()
    url = await _client(provider, chosen, settings).authorization_url(challenge)
    proof = link_proof(request, challenge)
    remember(response, Attempt(provider, challenge, "/", proof), settings)
    return LinkStart(url=url)


@router.get(
    "/oidc/{provider}/callback",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    responses=FAILURES
    | {400: LogInRefused.doc(), 403: IdentityUnknown.doc(), 409: IdentityTaken.doc()},
)
async def finish(
    principal: Caller,
    provider: ProviderName,
    chosen: Chosen,
    request: Request,
    database: DatabaseOf,
    client: ClientOf,
    settings: SettingsOf,
    state: State = "",
    code: Code = "",
    error: Failure = "",
) -> RedirectResponse:
    """Where the provider sends the browser back: begins a session, or links the account."""
    attempt = recall(request, provider=provider, state=state)
    if error or not code:
        raise LogInRefused("the provider has not let you in")
    account = await _client(provider, chosen, settings).account(code, attempt.challenge)
    response = RedirectResponse(attempt.next, status.HTTP_303_SEE_OTHER)
    forget(response)
    if attempt.link:
        if principal.how != "session" or attempt.link != link_proof(request, attempt.challenge):
            raise LogInRefused("another session has asked for this link")
        async with database.session() as session:
            await link(session, account, by=principal)
        return response
    secret = await log_in_with(database, account, client=client, auto_create=chosen.auto_create)
    set_cookie(response, secret, settings)
    return response


@router.get("/identities", responses={401: Unauthenticated.doc(), 403: InsufficientScope.doc()})
async def list_identities(
    principal: Person, session: ReadSession, paging: Paging
) -> Page[IdentityRead]:
    """The accounts that log in as the caller, newest first."""
    found = await IdentityRepository(session).list(principal.id, paging)
    return Page[IdentityRead].model_validate(found)


@router.delete(
    "/identities/{identity_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: IdentityNotFound.doc(),
    },
)
async def delete_identity(principal: FullUser, identity_id: uuid.UUID, session: Session) -> None:
    """Unlink an account from the caller."""
    await unlink(session, by=principal, identity_id=identity_id)
