"""Credentials that ended are removed; those that work are not."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.auth.service.clean_up import clean_up
from app.core.clock import db_now, utcnow
from app.core.db import Database
from app.models import ApiToken, LoginSession
from tests.fixtures.factories import Factory


@pytest.mark.parametrize("at_once", [1000, 2])
async def test_only_what_ended_goes(
    make: Factory, database: Database, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("app.auth.service.clean_up.AT_ONCE", at_once)
    alice, bob = await make.user(), await make.user()
    await make.token(alice)
    await make.token(alice, expires_at=utcnow() + timedelta(days=1))
    for _ in range(3):
        await make.token(alice, expires_at=utcnow() - timedelta(days=1))
        await make.session(alice)
    async with database.session() as session:
        await session.execute(update(LoginSession).values(seen_at=db_now(-3601)))
    await make.session(bob)
    assert await clean_up(database, session_idle_s=3600) == 6
    async with database.read() as reading:
        tokens = await reading.scalar(select(func.count()).select_from(ApiToken))
        users = (await reading.scalars(select(LoginSession.user_id))).all()
    assert tokens == 2
    assert list(users) == [bob.id]
