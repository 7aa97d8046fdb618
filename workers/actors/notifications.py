"""Plans and sends notifications."""

from app.credentials.keys import keys_of
from app.jobs.catalog import (
    DeliverNotification,
    NotifyApproval,
    NotifyEnded,
    NotifyHeld,
)
from app.notifications.configuration import base_url, sender_of
from app.notifications.service.delivering import deliver
from app.notifications.service.planning import plan_approval, plan_ended, plan_held
from workers.actors.actor import Context


async def notify_ended(context: Context, message: NotifyEnded) -> None:
    """Record who is told of the end of an execution."""
    await plan_ended(context.database, execution_id=message.execution_id, attempt=message.attempt)


async def notify_approval(context: Context, message: NotifyApproval) -> None:
    """Record who is told that a job waits for approval."""
    await plan_approval(context.database, job_id=message.job_id, attempt=message.attempt)


async def notify_held(context: Context, message: NotifyHeld) -> None:
    """Record who is told that an execution waits for approval."""
    await plan_held(context.database, execution_id=message.execution_id, attempt=message.attempt)


async def deliver_notification(context: Context, message: DeliverNotification) -> None:
    """Try to send one notification."""
    await deliver(
        context.database,
        message.delivery_id,
        keys=keys_of(context.settings),
        sender=sender_of(context.settings),
        base_url=base_url(context.settings),
    )
