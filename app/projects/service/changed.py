"""Who hears that rights have changed."""

import uuid
from collections.abc import Sequence

from app.core.db import AsyncSession
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import RIGHTS, rights_of, touch

MANY = 200


async def rights_changed(session: AsyncSession, user_ids: Sequence[uuid.UUID]) -> None:
    """After the commit these users' cached answers are old and their subscriptions asked again.

    Of many users it is simply said that everybody's may have changed.
    """
    if len(user_ids) > MANY:
        await touch(session, RIGHTS)
        publish_after_commit(session, RightsChanged(user_ids=None))
    elif user_ids:
        await touch(session, *(rights_of(user_id) for user_id in user_ids))
        publish_after_commit(session, RightsChanged(user_ids=list(user_ids)))
