"""A call of a webhook: who sent it, what it says, and one row that keeps it."""

import hashlib
import uuid
from collections.abc import Mapping

import zstandard

from app.audit.recording import record_change
from app.core.clock import new_id, utcnow
from app.core.crypto import CannotDecrypt
from app.core.db import AsyncSession, Database
from app.core.errors import Conflict, Unavailable
from app.core.sealing import MasterKeys, opened
from app.jobs.catalog import SyncPipelines
from app.jobs.outbox import enqueue
from app.projects.service.access import Access
from app.triggers.errors import InvalidSignature, UnreadablePayload
from app.triggers.forges.happenings import Happening, Ignored, wants_skip
from app.triggers.forges.reading import Call, Unreadable
from app.triggers.forges.signatures import is_signed
from app.triggers.models import Delivery, DeliveryStatus, Forge, ForkPolicy, Repository
from app.triggers.repository.deliveries import DeliveryRepository
from app.triggers.repository.repositories import RepositoryRepository

SKIPPED = "the commit's text says that nothing shall run ([skip ci])"
_NO_SECRET = b"\x00"


class _Known(Conflict):
    """This delivery is there already."""


async def receive(
    database: Database,
    keys: MasterKeys,
    *,
    repository_id: uuid.UUID,
    headers: Mapping[str, str],
    body: bytes,
) -> Delivery:
    """Keep a delivery and have its pipelines started; a second one of the same id does nothing.

    Parameters: `headers` have small letters.
    Raises: InvalidSignature, UnreadablePayload, Unavailable.
    """
    async with database.read() as session:
        repository = await RepositoryRepository(session).get(repository_id)
    if repository is None:
        # Takes as long as a wrong signature.
        is_signed(Forge.GENERIC, headers, body, _NO_SECRET)
        raise InvalidSignature
    if not is_signed(repository.forge, headers, body, _secret(repository, keys)):
        raise InvalidSignature
    call = Call(repository.forge, headers, body)
    try:
        payload = call.payload()
    except Unreadable as error:
        raise UnreadablePayload(str(error)) from error
    happening = decided(repository, call.happening(payload))
    delivery = _delivery(repository, call, call.event(payload), happening)
    return await _keep(database, delivery)


def _secret(repository: Repository, keys: MasterKeys) -> bytes:
    try:
        return opened(repository, keys.to_read())
    except CannotDecrypt as error:
        raise Unavailable(f"the webhook's secret cannot be read: {error}") from error


def decided(repository: Repository, happening: Happening | Ignored) -> Happening | Ignored:
    """What the repository makes of an event, as far as the event alone says it."""
    if isinstance(happening, Ignored):
        return happening
    if wants_skip(happening.message):
        return Ignored(SKIPPED)
    if happening.is_fork and repository.fork_policy is ForkPolicy.IGNORE:
        return Ignored("it is from a fork, which starts nothing in this repository (fork_policy)")
    return happening


def _delivery(
    repository: Repository, call: Call, event: str, happening: Happening | Ignored
) -> Delivery:
    ignored = isinstance(happening, Ignored)
    return Delivery(
        id=new_id(),
        repository_id=repository.id,
        external_id=call.external_id,
        event=event,
        ref=None if isinstance(happening, Ignored) else happening.ref,
        sha=None if isinstance(happening, Ignored) else happening.sha,
        status=DeliveryStatus.IGNORED if ignored else DeliveryStatus.QUEUED,
        reason=happening.reason[:2000] if isinstance(happening, Ignored) else "",
        headers=call.shown_headers(),
        body=zstandard.compress(call.body),
        digest=hashlib.sha256(call.body).hexdigest(),
        runs=1,
        received_at=utcnow(),
    )


async def _keep(database: Database, delivery: Delivery) -> Delivery:
    repository_id, external_id = delivery.repository_id, delivery.external_id
    wanted = delivery.status is DeliveryStatus.QUEUED
    async with database.read() as session:
        known = await DeliveryRepository(session).get_by_external_id(repository_id, external_id)
    if known is not None:
        return known
    try:
        async with database.session() as session:
            await DeliveryRepository(session).save(delivery, conflict=_Known())
            if wanted:
                await enqueue(session, SyncPipelines(delivery_id=delivery.id, attempt=1))
    except _Known:
        async with database.read() as session:
            known = await DeliveryRepository(session).get_by_external_id(repository_id, external_id)
        if known is None:
            raise
        return known
    return delivery


async def redeliver(
    session: AsyncSession, *, access: Access, repository: Repository, delivery_id: uuid.UUID
) -> Delivery:
    """Work on a delivery once more, as the repository is now: it may start executions again.

    Raises: DeliveryNotFound.
    """
    delivery = await DeliveryRepository(session).require(repository.id, delivery_id, lock=True)
    call = call_of(repository, delivery)
    happening = decided(repository, call.happening(call.payload()))
    delivery.runs += 1
    delivery.processed_at = None
    if isinstance(happening, Ignored):
        delivery.status, delivery.reason = DeliveryStatus.IGNORED, happening.reason[:2000]
    else:
        delivery.status, delivery.reason = DeliveryStatus.QUEUED, ""
        await enqueue(session, SyncPipelines(delivery_id=delivery.id, attempt=delivery.runs))
    await record_change(
        session,
        access.principal,
        "delivery.redeliver",
        kind="delivery",
        target_id=delivery.id,
        name=f"{delivery.event} {delivery.external_id}",
        project_id=repository.project_id,
        after={"runs": delivery.runs},
    )
    return delivery


def call_of(repository: Repository, delivery: Delivery) -> Call:
    """The call that a delivery was."""
    return Call(repository.forge, delivery.headers, zstandard.decompress(delivery.body))
