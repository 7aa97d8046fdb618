"""Errors with a status and a stable code: shown as problem details (RFC 9457)."""

from collections.abc import Mapping
from typing import Any, ClassVar


class AnsFlowError(Exception):
    """Base of all errors that a caller may see.

    Parameters: `detail` says what is wrong, where, and what to do; `extra` becomes members of the
    problem document; `headers` are added to the response.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra
        self.headers = dict(headers or {})

    def problem(self) -> dict[str, Any]:
        """The body of the response."""
        return {
            "type": f"urn:ansflow:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }

    @classmethod
    def doc(cls) -> dict[str, Any]:
        """The entry under `responses=` of an endpoint."""
        return {
            "description": cls.title,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }


class BadRequest(AnsFlowError):
    status, code, title = 400, "bad_request", "Bad request"


class Unauthenticated(AnsFlowError):
    status, code, title = 401, "unauthenticated", "Log in or send an API token"

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **extra)


class Forbidden(AnsFlowError):
    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(AnsFlowError):
    status, code, title = 404, "not_found", "Not found"


class Conflict(AnsFlowError):
    status, code, title = 409, "conflict", "Conflict"


class PayloadTooLarge(AnsFlowError):
    status, code, title = 413, "payload_too_large", "Request body too large"


class Invalid(AnsFlowError):
    status, code, title = 422, "invalid", "Invalid content"


class TooManyRequests(AnsFlowError):
    status, code, title = 429, "too_many_requests", "Too many requests"


class Unavailable(AnsFlowError):
    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 5, **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)}, **extra)
