"""The OpenAPI document and its two viewers, which work without internet."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi_standalone_docs import StandaloneDocs
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.schemas import Problem

_VALIDATION = {"HTTPValidationError", "ValidationError"}
_METHODS = {"get", "put", "post", "patch", "delete"}

VIEWER_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; worker-src blob:; font-src 'self' data:; "
    "frame-ancestors 'none'"
)
"""Content security policy of the viewers: their pages start with an inline script."""


def install(app: FastAPI) -> None:
    """Serve `/docs` and `/redoc`, and describe errors as what they are: problems."""
    StandaloneDocs(app)
    app.add_api_route("/", _home, include_in_schema=False)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _describe_problems(describe())
        return describe()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")


def _describe_problems(document: dict[str, Any]) -> None:
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(
        ref_template="#/components/schemas/{model}", mode="serialization"
    )
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for name in _VALIDATION:
        schemas.pop(name, None)
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                _describe_operation(operation)


def _describe_operation(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    reference = {"$ref": "#/components/schemas/Problem"}
    problem = {"content": {"application/problem+json": {"schema": reference}}}
    if "application/json" in responses.get("422", {}).get("content", {}):
        responses["422"] = {"description": "A malformed request", **problem}
    for status, description in _usual(operation):
        responses.setdefault(status, {"description": description, **problem})


def _usual(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What an operation may answer because of what it takes, whatever it does."""
    if "security" in operation:
        yield "401", "Log in or send an API token"
        yield "403", "Not allowed"
    if "requestBody" in operation:
        yield "400", "The body cannot be read"
        yield "413", "The body is too large"
    yield "503", "The database cannot be reached"
    yield "default", "Any other error"


class ViewerPolicy:
    """Lets the pages of the viewers run the scripts that they consist of."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/docs", "/redoc")):
            await self.app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", VIEWER_POLICY.encode())
                message["headers"] = [*message["headers"], policy]
            await send(message)

        await self.app(scope, receive, send_with_policy)
