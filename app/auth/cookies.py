"""The session cookie, and why another site cannot use it."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.auth.errors import CrossSiteRequest
from app.settings import Settings

COOKIE = "ansflow_session"
CSRF_HEADER = "X-AnsFlow-CSRF"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def set_cookie(response: Response, secret: str, settings: Settings) -> None:
    """Hand a session to the browser."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=settings.security.session_idle_s,
        path="/",
        secure=settings.security.cookie_secure or settings.server.production,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


def refuse_cross_site(connection: HTTPConnection, settings: Settings, *, always: bool) -> None:
    """Refuse a request that a browser sent on behalf of another site.

    Parameters: `always` checks safe methods too (sockets: they are opened by GET).
    Raises: CrossSiteRequest.
    """
    if not always and connection.scope.get("method") in _SAFE:
        return
    headers = connection.headers
    origin = headers.get("origin")
    if origin is not None and _is_allowed(origin, connection, settings):
        return
    if headers.get("sec-fetch-site") in ("same-origin", "none"):
        return
    # No browser sends a foreign request with a header of ours: it would have to ask first.
    if origin is None and CSRF_HEADER in headers and "sec-fetch-site" not in headers:
        return
    raise CrossSiteRequest(
        f"this came from {origin or 'an unknown origin'}: add it to "
        "ANSFLOW_SECURITY__ALLOWED_ORIGINS, or, outside browsers, use an API token or send "
        f"the header {CSRF_HEADER}: 1"
    )


def _is_allowed(origin: str, connection: HTTPConnection, settings: Settings) -> bool:
    if origin in settings.security.allowed_origins:
        return True
    base = settings.server.base_url
    if base is not None:
        parts = urlsplit(base)
        return origin == f"{parts.scheme}://{parts.netloc}"
    scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
    return origin == f"{scheme}://{connection.headers.get('host', '')}"
