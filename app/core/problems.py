"""Every error leaves as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from app.core.db import is_replayable
from app.core.errors import AnsFlowError, Invalid, Unavailable

MEDIA_TYPE = "application/problem+json"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NOT_AN_OBJECT = ("missing", "model_attributes_type", "dict_type")


class ProblemResponse(JSONResponse):
    """The response that carries a problem."""

    media_type = MEDIA_TYPE


def respond(error: AnsFlowError) -> Response:
    """The response for one of our errors."""
    return ProblemResponse(error.problem(), error.status, headers=error.headers)


def install(app: FastAPI) -> None:
    """Answer all errors of an application with problem details."""
    app.add_exception_handler(AnsFlowError, _ours)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(DBAPIError, _busy)
    app.add_exception_handler(RequestValidationError, _validation)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AnsFlowError)
    return respond(error)


async def _busy(_request: Request, error: Exception) -> Response:
    """Deadlocks and lock time-outs: nothing was written, the same request may well succeed."""
    if not is_replayable(error):
        raise error
    return respond(Unavailable("others change the same; send the request again", retry_after_s=1))


async def _frameworks(request: Request, error: Exception) -> Response:
    """Errors that the framework raises: unknown path, method not allowed, unreadable body."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail, headers = error.detail, error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed_methods(request))
        detail = f"{request.method} is not allowed here; allowed are: {allowed}"
        headers = {**(headers or {}), "Allow": allowed}
    elif status is HTTPStatus.NOT_FOUND and detail == status.phrase:
        detail = "there is nothing at this address; /docs lists all addresses of the API"
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": status.name.lower(),
        "detail": detail,
    }
    return ProblemResponse(body, status.value, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """The methods of the address: of all its routes, not only of the first as Starlette has it."""
    routes: list[BaseRoute] = request.app.router.routes
    allowed = [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return ["GET", "HEAD", *allowed[1:]] if "GET" in allowed else allowed


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [_field_error(each) for each in error.errors()]
    where = " → ".join(str(part) for part in found[0]["location"])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return respond(Invalid(f"{where}: {found[0]['message']}{more}", errors=found))


def _field_error(found: Mapping[str, Any]) -> dict[str, Any]:
    # The input itself is left out: it may be a password.
    message = found["msg"]
    if found["type"] == "json_invalid":
        message = f"not valid JSON: {found['ctx']['error']} (at character {found['loc'][-1]})"
    elif list(found["loc"]) == ["body"] and found["type"] in _NOT_AN_OBJECT:
        message = "expected a JSON object, with the header Content-Type: application/json"
    return {"location": list(found["loc"]), "code": found["type"], "message": message}
