"""The protocol with an OpenID Connect provider: code flow with PKCE, state and nonce."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any, Self

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.auth.errors import LogInRefused, ProviderFailed
from app.settings import OidcProvider

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signed by a key that only the provider has; never `none`, never with our own secret."""
TIMEOUT_S, LEEWAY_S, MAX_BODY = 10.0, 60, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """What ties an answer of the provider to the browser that asked for it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Self:
        """A new one, with 256 random bits in each part."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class Account:
    """Who logged in at the provider: `issuer` and `subject` say it, the rest is decoration."""

    issuer: str
    subject: str
    name: str
    email: str | None


class ProviderClient:
    """Talks to one provider. Its addresses come from the settings and from its own discovery."""

    def __init__(self, provider: OidcProvider, *, redirect_uri: str) -> None:
        self._provider = provider
        self._redirect_uri = redirect_uri

    async def authorization_url(self, challenge: Challenge) -> str:
        """Where the browser logs in.

        Raises: ProviderFailed.
        """
        async with _http() as http:
            metadata = await self._discover(http)
        url: str = prepare_grant_uri(
            _endpoint(metadata, "authorization_endpoint"),
            client_id=self._provider.client_id,
            response_type="code",
            redirect_uri=self._redirect_uri,
            scope=self._provider.scopes,
            state=challenge.state,
            nonce=challenge.nonce,
            code_challenge=create_s256_code_challenge(challenge.verifier),
            code_challenge_method="S256",
        )
        return url

    async def account(self, code: str, challenge: Challenge) -> Account:
        """Who logged in, from the code that the browser brought back.

        Raises: LogInRefused when the code or the ID token is not good; ProviderFailed.
        """
        async with _http() as http:
            metadata = await self._discover(http)
            token = await self._redeem(http, metadata, code, challenge)
            keys = await _json(http, "GET", _endpoint(metadata, "jwks_uri"))
        return _account(self._claims(token, keys, challenge))

    async def _discover(self, http: httpx.AsyncClient) -> dict[str, Any]:
        issuer = self._provider.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = await _json(http, "GET", url)
        if metadata.get("issuer") != issuer:
            raise ProviderFailed("the issuer in its configuration is not the one in the settings")
        return metadata

    async def _redeem(
        self, http: httpx.AsyncClient, metadata: dict[str, Any], code: str, challenge: Challenge
    ) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": challenge.verifier,
            "client_id": self._provider.client_id,
        }
        secret = self._provider.client_secret
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = None
        if secret is not None and "client_secret_basic" in methods:
            auth = httpx.BasicAuth(self._provider.client_id, secret.get_secret_value())
        elif secret is not None:
            form["client_secret"] = secret.get_secret_value()
        url = _endpoint(metadata, "token_endpoint")
        return await _json(http, "POST", url, data=form, auth=auth)

    def _claims(
        self, token: dict[str, Any], keys: dict[str, Any], challenge: Challenge
    ) -> dict[str, Any]:
        client_id = self._provider.client_id
        wanted = {
            "iss": {"essential": True, "value": self._provider.issuer},
            "aud": {"essential": True, "value": client_id},
            "nonce": {"essential": True, "value": challenge.nonce},
        }
        known = {"nonce": challenge.nonce, "client_id": client_id}
        known |= {"access_token": token["access_token"]} if "access_token" in token else {}
        try:
            key_set = KeySet.import_key_set(keys)  # type: ignore[arg-type]  # checked by itself
            decoded = jwt.decode(str(token["id_token"]), key_set, algorithms=ALGORITHMS)
            claims = CodeIDToken(decoded.claims, decoded.header, wanted, known)
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise LogInRefused(f"the ID token is not good: {type(error).__name__}") from error
        return dict(claims)


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)


async def _json(http: httpx.AsyncClient, method: str, url: str, **sent: Any) -> dict[str, Any]:
    try:
        async with asyncio.timeout(3 * TIMEOUT_S), http.stream(method, url, **sent) as answer:
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MAX_BODY:
                    raise ProviderFailed("its answer is too long")
        if method == "POST" and 400 <= answer.status_code < 500:
            raise LogInRefused("the provider does not accept the code")
        found = httpx.Response(answer.status_code, content=body).json()
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise ProviderFailed(f"no answer: {type(error).__name__}") from error
    if answer.status_code != 200 or not isinstance(found, dict):
        raise ProviderFailed(f"it answers {answer.status_code}")
    return found


def _endpoint(metadata: dict[str, Any], name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ProviderFailed(f"its configuration has no {name}")
    return url


def _account(claims: dict[str, Any]) -> Account:
    issuer, subject = claims["iss"], claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isascii():
        raise LogInRefused("the subject of the ID token is not good")
    email = claims.get("email")
    name = claims.get("preferred_username")
    return Account(
        issuer,
        subject,
        name=name if isinstance(name, str) else "",
        email=email if isinstance(email, str) else None,
    )
