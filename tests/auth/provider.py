"""A small OpenID Connect provider, a process of its own: `python -m tests.auth.provider PORT`.

`POST /next` says who logs in next and what is wrong with the ID token.
"""

import secrets
import sys
import time
from typing import Any

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "ansflow", "a secret of the client"


class Provider:
    """Codes that were given, and what the next log-in is like."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first"})
        self.other = RSAKey.generate_key(2048, parameters={"kid": "first"})
        self.next: dict[str, Any] = {}
        self.codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}

    async def configuration(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.next.get("issuer", self.url),
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def say(self, request: Request) -> Response:
        self.next = await request.json()
        return JSONResponse({})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = asked, dict(self.next)
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    async def token(self, request: Request) -> Response:
        form = await request.form()
        given = self.codes.pop(str(form["code"]), None)
        if given is None or not request.headers.get("authorization", "").startswith("Basic "):
            return JSONResponse({"error": "invalid_grant"}, 400)
        asked, how = given
        verified = create_s256_code_challenge(str(form["code_verifier"]))
        if (verified, form["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "sub": "subject-1",
        }
        claims |= {"nonce": asked["nonce"]} | how.get("claims", {})
        for name in how.get("without", []):
            claims.pop(name)
        return JSONResponse(
            {"access_token": "none", "token_type": "Bearer", "id_token": self._signed(claims, how)}
        )

    def _signed(self, claims: dict[str, Any], how: dict[str, Any]) -> str:
        match how.get("signed"):
            case "by another key":
                return jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.other)
            case "with the client's secret":
                key = OctKey.import_key(CLIENT_SECRET * 2)
                return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])
            case "not at all":
                return jwt.encode({"alg": "none"}, claims, None, algorithms=["none"])  # type: ignore[arg-type]
        return jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/keys", self.keys),
                Route("/next", self.say, methods=["POST"]),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
            ]
        )


if __name__ == "__main__":
    port = int(sys.argv[1])
    provider = Provider(f"http://127.0.0.1:{port}")
    uvicorn.run(provider.app(), host="127.0.0.1", port=port, log_level="warning")
