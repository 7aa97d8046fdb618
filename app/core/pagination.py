"""Keyset pagination: `?after=…&limit=50`."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageParams:
    """Where a page of a list begins and how long it is. `after` is a value of the list's key."""

    after: uuid.UUID | int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of rows; `next` is the `after` of the next one, None at the end."""

    items: list[T]
    next: str | None


_AFTER = "`next` of the page before; none: the first page"
Limit = Annotated[int, Query(ge=1, le=100, description="Entries per page")]


def page_params(
    after: Annotated[uuid.UUID | None, Query(description=_AFTER)] = None, limit: Limit = 50
) -> PageParams:
    """The page that a request asks for, of a list by id."""
    return PageParams(after, limit)


def numbered_page_params(
    after: Annotated[int | None, Query(ge=1, le=2**31 - 1, description=_AFTER)] = None,
    limit: Limit = 50,
) -> PageParams:
    """The page that a request asks for, of a list by number."""
    return PageParams(after, limit)


Paging = Annotated[PageParams, Depends(page_params)]
NumberedPaging = Annotated[PageParams, Depends(numbered_page_params)]
