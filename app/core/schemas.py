"""Bases of all API models, and the values that several of them share."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

T = TypeVar("T")

_NO_CONTROL = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"

Slug = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$"),
]
"""A name in addresses: small letters, digits, single `.`, `_` and `-` in between."""
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=_NO_CONTROL),
]
Prose = Annotated[str, StringConstraints(max_length=2000, pattern=_NO_CONTROL)]


class Input(BaseModel):
    """What callers send: an unknown field is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """What callers get; made from rows by their attributes."""

    model_config = ConfigDict(from_attributes=True)


class Page(Output, Generic[T]):
    """One page of a list."""

    items: list[T] = Field(description="At most `limit` entries, in the order of the list")
    next: str | None = Field(description="Send it as `after` to get the next page; null: the end")


class FieldError(Output):
    """One thing that is wrong with a request."""

    location: list[str | int] = Field(
        default=[], description="Where in the request, e.g. `body`, `name`"
    )
    line: int | None = Field(default=None, description="Line in a pipeline file, from 1")
    column: int | None = Field(default=None, description="Column in a pipeline file, from 1")
    path: str | None = Field(default=None, description="The pipeline file, when there are several")
    code: str = Field(description="Stable and short, for programs")
    message: str = Field(description="What is wrong and what is expected")


class Problem(BaseModel):
    """Problem details (RFC 9457): the body of every error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI that names the kind of error")
    title: str = Field(description="The kind of error, for people")
    status: int = Field(description="The HTTP status")
    code: str = Field(description="The kind of error, for programs")
    detail: str = Field(description="What is wrong this time and what to do")
    errors: list[FieldError] = Field(default=[], description="Everything found wrong, in order")
