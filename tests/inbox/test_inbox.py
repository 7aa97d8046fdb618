"""What people are told: numbered without gaps, listed, marked as read, and gone after a while."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from app.auth.models import User
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database
from app.events import UserNotified
from app.inbox.models import InboxItem
from app.inbox.service import KEPT_DAYS, clean_up, notify, told_after
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

URL = "/api/v1/users/me/notifications"


@pytest.fixture
async def alice(make: Factory) -> User:
    return await make.user()


async def tell(database: Database, user: User, *titles: str) -> None:
    for title in titles:

        async def write(session: AsyncSession, title: str = title) -> None:
            await notify(session, UserNotified(user_id=user.id, kind="test", title=title))

        await database.transact(write)


class TestNotify:
    async def test_numbers_have_no_gaps_whoever_writes_at_once(
        self, database: Database, make: Factory, alice: User
    ) -> None:
        bob = await make.user()
        await asyncio.gather(*(tell(database, user, *"abc") for user in (alice, bob) * 3))
        async with database.read() as session:
            for user in (alice, bob):
                found = await told_after(session, user_id=user.id, seq=0, limit=100)
                assert [one.seq for one in found] == list(range(1, 10))

    async def test_what_is_rolled_back_was_never_told(
        self, database: Database, alice: User
    ) -> None:
        async def write(session: AsyncSession) -> None:
            await notify(session, UserNotified(user_id=alice.id, kind="test", title="never"))
            raise LookupError

        with pytest.raises(LookupError):
            await database.transact(write)
        await tell(database, alice, "first")
        async with database.read() as session:
            found = await told_after(session, user_id=alice.id, seq=0, limit=100)
        assert [(one.seq, one.title) for one in found] == [(1, "first")]

    async def test_somebody_who_is_gone_is_not_told_and_nothing_fails(
        self, database: Database, make: Factory, alice: User
    ) -> None:
        await tell(database, await make.user(), "one")
        alice.id = new_id()
        await tell(database, alice, "two")
        async with database.read() as session:
            assert not await told_after(session, user_id=alice.id, seq=0, limit=100)


class TestRoutes:
    async def test_the_list_is_ones_own_newest_first(
        self, database: Database, make: Factory, sign_in: SignIn, alice: User, queries: Queries
    ) -> None:
        await tell(database, alice, "one", "two", "three")
        client, stranger = await sign_in(alice), await sign_in(await make.user())
        with queries(max=3):  # the token, the head, the page
            page = (await client.get(URL, params={"limit": 2})).json()
        assert [item["title"] for item in page["items"]] == ["three", "two"]
        assert page["unread"] == 3
        rest = (await client.get(URL, params={"after": page["next"]})).json()
        assert [item["title"] for item in rest["items"]] == ["one"]
        assert rest["next"] is None
        assert (await stranger.get(URL)).json() == {"items": [], "next": None, "unread": 0}

    async def test_reading_marks_what_was_shown_and_never_less(
        self, database: Database, sign_in: SignIn, alice: User
    ) -> None:
        await tell(database, alice, "one", "two", "three")
        client = await sign_in(alice)
        for until in (2, 1, 99):  # older, and what does not exist yet, change nothing
            assert (await client.post(f"{URL}/read", json={"until": until})).status_code == 204
        page = (await client.get(URL)).json()
        assert [item["is_read"] for item in page["items"]] == [False, True, True]
        assert page["unread"] == 1

    async def test_nobody_has_none(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(URL)).status_code == 401
        assert (await client.post(f"{URL}/read", json={"until": 1})).status_code == 401


async def test_old_ones_go_and_numbers_stay(database: Database, alice: User) -> None:
    await tell(database, alice, "old", "new")
    async with database.session() as session:
        old = utcnow() - timedelta(days=KEPT_DAYS + 1)
        await session.execute(
            update(InboxItem).where(InboxItem.title == "old").values(created_at=old)
        )
    assert await clean_up(database) == 1
    assert await clean_up(database) == 0
    await tell(database, alice, "newest")
    async with database.read() as session:
        found = await told_after(session, user_id=alice.id, seq=0, limit=100)
    assert [(one.seq, one.title) for one in found] == [(2, "new"), (3, "newest")]
