"""The live page: plain HTML and ES modules, from this package."""

from importlib.resources import files

from starlette.responses import Response

from app.core.errors import NotFound

_TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STATIC = files("app.realtime") / "static"
_FILES = {
    name: (_STATIC / name).read_bytes()
    for name in ("live.html", "live.css", "live.js", "socket.js")
}


def page(name: str) -> Response:
    """A file of the page.

    Raises: NotFound.
    """
    content = _FILES.get(name)
    if content is None:
        raise NotFound(f"the live page has no file {name[:50]!r}")
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
