"""Sends what is planned: a bounded number of tries, each recorded; no transaction is open while
the other side thinks."""

import uuid
from datetime import datetime

from app.core.clock import utcnow
from app.core.crypto import CannotDecrypt
from app.core.db import AsyncSession, Database
from app.core.logging import logger
from app.core.sealing import MasterKeys
from app.jobs.catalog import DeliverNotification
from app.jobs.outbox import Queued, enqueue_all
from app.notifications.models import DeliveryState
from app.notifications.repository.deliveries import DeliveryRepository, Told
from app.notifications.sending import Outcome, Sender
from app.notifications.service.channels import target_of
from app.notifications.service.content import notice_of

log = logger(__name__)

BACK_OFF_S = (30.0, 120.0, 600.0, 3600.0)
"""How long to wait after each try but the last."""
LEASE_S = 180.0
"""Longer than any try takes; a worker that died meanwhile is then replaced."""


async def deliver(
    database: Database,
    delivery_id: uuid.UUID,
    *,
    keys: MasterKeys,
    sender: Sender,
    base_url: str,
) -> None:
    """Try to send one notification, unless somebody else does or it is done with."""
    if not await database.transact(lambda session: _take(session, delivery_id)):
        return
    async with database.read() as session:
        told = await DeliveryRepository(session).told(delivery_id)
        if told is None:
            return
        notice = await notice_of(session, told, base_url=base_url)
    if not told.channel.is_enabled:
        outcome = Outcome(False, "the channel is switched off", is_final=True)
    else:
        try:
            outcome = await sender.send(target_of(told.channel, keys), notice)
        except CannotDecrypt as error:
            outcome = Outcome(False, f"the channel cannot be decrypted: {error}", is_final=True)
    await database.transact(lambda session: _settle(session, told, outcome))
    log.info("notification_tried", delivery_id=str(delivery_id), ok=outcome.ok)


async def _take(session: AsyncSession, delivery_id: uuid.UUID) -> bool:
    taken = await DeliveryRepository(session).take(delivery_id, lease_s=LEASE_S)
    if isinstance(taken, datetime):
        # Whoever has it may be dead: look again when its time is over.
        await _again(session, delivery_id, taken)
        return False
    return taken


async def _settle(session: AsyncSession, told: Told, outcome: Outcome) -> None:
    repository, delivery = DeliveryRepository(session), told.delivery
    result = {"result": outcome.detail[:500], "status": outcome.status}
    if outcome.ok:
        await repository.settle(
            delivery.id, state=DeliveryState.SENT, finished_at=utcnow(), **result
        )
    elif outcome.is_final or delivery.tries > len(BACK_OFF_S):
        await repository.settle(
            delivery.id, state=DeliveryState.FAILED, finished_at=utcnow(), **result
        )
    else:
        await repository.settle(delivery.id, state=DeliveryState.PENDING, **result)
        due = await repository.now(BACK_OFF_S[delivery.tries - 1])
        await _again(session, delivery.id, due)


async def _again(session: AsyncSession, delivery_id: uuid.UUID, due: datetime) -> None:
    message = DeliverNotification(delivery_id=delivery_id)
    await enqueue_all(session, [Queued(message, not_before=due)])
