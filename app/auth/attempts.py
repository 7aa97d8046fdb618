"""A log-in at a provider that is under way: kept by the browser itself, in a cookie.

An answer counts only in the browser that asked for it. The cookie needs no signature: it holds
nothing that its browser may not know, and what links an account is proved by the session's secret.
"""

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import Response

from app.auth.cookies import COOKIE
from app.auth.errors import LogInRefused
from app.auth.provider import Challenge
from app.core.crypto import token_digest
from app.settings import Settings

ATTEMPT = "ansflow_oidc"
PATH = "/api/v1/auth/oidc"
MAX_AGE_S = 600
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


@dataclass(frozen=True, slots=True)
class Attempt:
    """`next` is where the browser goes afterwards, on this server; `link` proves, if it is there,
    that the session of this browser asked for the account to be linked to its user."""

    provider: str
    challenge: Challenge
    next: str
    link: str = ""


def is_local(path: str) -> bool:
    """True for a path of this server; False for what a browser would take for another one."""
    return len(path) <= 500 and path.isascii() and _LOCAL.fullmatch(path) is not None


def link_proof(request: Request, challenge: Challenge) -> str:
    """What only the browser with this session can show."""
    return token_digest(f"link:{challenge.state}:{request.cookies.get(COOKIE, '')}")


def remember(response: Response, attempt: Attempt, settings: Settings) -> None:
    """Have the browser keep the attempt for ten minutes."""
    value = urlsafe_b64encode(json.dumps(asdict(attempt)).encode()).decode()
    response.set_cookie(
        ATTEMPT,
        value,
        max_age=MAX_AGE_S,
        path=PATH,
        secure=settings.security.cookie_secure or settings.server.production,
        httponly=True,
        # Not strict: the provider sends the browser back, which is a visit from another site.
        samesite="lax",
    )


def forget(response: Response) -> None:
    """Have the browser drop the attempt: it counts once."""
    response.delete_cookie(ATTEMPT, path=PATH, httponly=True, samesite="lax")


def recall(request: Request, *, provider: str, state: str) -> Attempt:
    """The attempt that an answer with this state belongs to.

    Raises: LogInRefused when this browser has not asked for it.
    """
    try:
        fields = json.loads(urlsafe_b64decode(request.cookies.get(ATTEMPT, "")))
        challenge = Challenge(**{key: str(fields["challenge"][key]) for key in _PARTS})
        attempt = Attempt(fields["provider"], challenge, str(fields["next"]), str(fields["link"]))
    except (ValueError, KeyError, TypeError):
        raise LogInRefused("this browser has not begun a log-in, or too long ago") from None
    is_same = secrets.compare_digest(challenge.state.encode(), state.encode())
    if attempt.provider != provider or not is_same or not is_local(attempt.next):
        raise LogInRefused("this answer belongs to another log-in")
    return attempt


_PARTS = ("state", "nonce", "verifier")
