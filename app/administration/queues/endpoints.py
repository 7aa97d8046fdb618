"""Queues and dead letters over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import HTTPConnection

from app.administration.queues.errors import QueueNotFound
from app.administration.queues.schemas import (
    DeadLetterChoice,
    DeadLetterCount,
    DeadLetterList,
    DeadLetterRead,
    QueueList,
    QueueRead,
)
from app.administration.queues.service import list_dead_letters, list_queues, purge, requeue
from app.auth.dependencies import Administrator
from app.auth.errors import AdministratorOnly
from app.core.dependencies import DatabaseOf
from app.core.errors import Unauthenticated, Unavailable
from app.jobs.dead_letters import DeadLetters
from app.jobs.depths import Depths

router = APIRouter(
    prefix="/queues",
    tags=["administration"],
    responses={
        401: Unauthenticated.doc(),
        403: AdministratorOnly.doc(),
        503: Unavailable.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: QueueNotFound.doc()}
QueueName = Annotated[
    str, Path(max_length=100, description="Name of a queue", examples=["medium_priority"])
]


def depths_of(connection: HTTPConnection) -> Depths | None:
    """What counts messages; None where nothing takes them."""
    depths: Depths | None = connection.app.state.runtime.depths
    return depths


def dead_letters_of(connection: HTTPConnection) -> DeadLetters | None:
    """The dead letters; None where nothing takes messages."""
    letters: DeadLetters | None = connection.app.state.runtime.dead_letters
    return letters


DepthsOf = Annotated[Depths | None, Depends(depths_of)]
DeadLettersOf = Annotated[DeadLetters | None, Depends(dead_letters_of)]


@router.get("")
async def list_all(
    _principal: Administrator, database: DatabaseOf, depths: DepthsOf, letters: DeadLettersOf
) -> QueueList:
    """The queues with what waits in them."""
    found = await list_queues(database, depths, letters)
    return QueueList(items=[QueueRead.model_validate(each) for each in found])


@router.get("/{queue}/dead-letters", responses=NOT_FOUND)
async def list_letters(
    _principal: Administrator,
    queue: QueueName,
    letters: DeadLettersOf,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many")] = 100,
) -> DeadLetterList:
    """Messages that nobody could process; they stay where they are for seven days."""
    found = await list_dead_letters(letters, queue, limit=limit)
    return DeadLetterList(items=[DeadLetterRead.model_validate(each) for each in found])


@router.post("/{queue}/dead-letters/requeue", responses=NOT_FOUND)
async def requeue_letters(
    principal: Administrator,
    queue: QueueName,
    body: DeadLetterChoice,
    letters: DeadLettersOf,
    database: DatabaseOf,
) -> DeadLetterCount:
    """Have messages tried again, as if they were new."""
    count = await requeue(database, letters, by=principal, queue=queue, ids=body.ids)
    return DeadLetterCount(count=count)


@router.post("/{queue}/dead-letters/purge", responses=NOT_FOUND)
async def purge_letters(
    principal: Administrator,
    queue: QueueName,
    body: DeadLetterChoice,
    letters: DeadLettersOf,
    database: DatabaseOf,
) -> DeadLetterCount:
    """Throw messages away."""
    count = await purge(database, letters, by=principal, queue=queue, ids=body.ids)
    return DeadLetterCount(count=count)
