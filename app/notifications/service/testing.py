"""The test button: it really sends, and says what the other side answered."""

from app.core.clock import utcnow
from app.core.crypto import CannotDecrypt
from app.core.db import Database
from app.core.sealing import MasterKeys
from app.notifications.models import NotificationChannel
from app.notifications.sending import Outcome, Sender
from app.notifications.service.channels import record_test, target_of
from app.notifications.service.content import test_notice
from app.projects.service.access import Access


async def send_test(
    database: Database,
    *,
    access: Access,
    channel: NotificationChannel,
    keys: MasterKeys,
    sender: Sender,
    base_url: str,
) -> Outcome:
    """Send a test over a channel; one try, whatever becomes of it. No transaction is open."""
    notice = test_notice(
        project=access.project.slug,
        channel=channel.name,
        base_url=base_url,
        by=access.principal.name,
        at=utcnow(),
    )
    try:
        outcome = await sender.send(target_of(channel, keys), notice)
    except CannotDecrypt as error:
        outcome = Outcome(False, f"the channel cannot be decrypted: {error}")
    async with database.session() as session:
        await record_test(session, access=access, channel=channel, detail=outcome.detail)
    return outcome
