"""Statements about webhook deliveries and their results."""

import builtins
import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import defer

from app.core.clock import db_now
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository as Statements
from app.triggers.errors import DeliveryNotFound
from app.triggers.models import Delivery, DeliveryResult, DeliveryStatus


class DeliveryRepository(Statements):
    """Deliveries of one repository."""

    async def list(self, repository_id: uuid.UUID, params: PageParams) -> Slice[Delivery]:
        """Newest first, without their bodies."""
        light = (
            select(Delivery)
            .where(Delivery.repository_id == repository_id)
            .options(defer(Delivery.body, raiseload=True))
        )
        return await self.page(light, Delivery.id, params)

    async def require(
        self, repository_id: uuid.UUID, delivery_id: uuid.UUID, *, lock: bool = False
    ) -> Delivery:
        statement = select(Delivery).where(
            Delivery.repository_id == repository_id, Delivery.id == delivery_id
        )
        if lock:
            statement = statement.with_for_update()
        found = await self.session.scalar(statement)
        if found is None:
            raise DeliveryNotFound
        return found

    async def get(self, delivery_id: uuid.UUID) -> Delivery | None:
        """Any delivery: for messages."""
        return await self.session.get(Delivery, delivery_id)

    async def get_by_external_id(
        self, repository_id: uuid.UUID, external_id: str
    ) -> Delivery | None:
        """The delivery that the forge calls so."""
        statement = (
            select(Delivery)
            .where(Delivery.repository_id == repository_id, Delivery.external_id == external_id)
            .options(defer(Delivery.body, raiseload=True))
        )
        return await self.session.scalar(statement)

    async def finish(
        self,
        delivery_id: uuid.UUID,
        *,
        run: int,
        status: DeliveryStatus,
        reason: str,
        sha: str | None,
    ) -> None:
        """Write what became of this run of a delivery, unless a later one has begun."""
        values = {"status": status, "reason": reason, "processed_at": db_now()}
        await self.session.execute(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.runs == run)
            .values(**values, **({} if sha is None else {"sha": sha}))
            .execution_options(synchronize_session=False)
        )

    async def result(self, delivery_id: uuid.UUID, run: int, path: str) -> DeliveryResult | None:
        """What this run of a delivery meant for a file, if that is decided."""
        statement = select(DeliveryResult).where(
            DeliveryResult.delivery_id == delivery_id,
            DeliveryResult.run == run,
            DeliveryResult.path == path,
        )
        return await self.session.scalar(statement)

    async def results(self, delivery_id: uuid.UUID) -> Sequence[DeliveryResult]:
        """What a delivery meant for each file, first runs first."""
        statement = (
            select(DeliveryResult)
            .where(DeliveryResult.delivery_id == delivery_id)
            .order_by(DeliveryResult.run, DeliveryResult.path)
            .limit(1000)
        )
        return (await self.session.scalars(statement)).all()

    async def forget(self, *, older_than_s: float, limit: int) -> int:
        """Delete deliveries that were received longer ago; returns how many."""
        old = (
            select(Delivery.id)
            .where(Delivery.received_at < db_now(-older_than_s))
            .order_by(Delivery.id)
            .limit(limit)
        )
        ids: builtins.list[uuid.UUID] = [*(await self.session.scalars(old))]
        if ids:
            await self.session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
        return len(ids)
