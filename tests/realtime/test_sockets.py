"""Who may connect and watch, and what happens to clients that misbehave."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import delete
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.auth.models import ApiToken, User
from app.auth.passwords import hash_password
from app.auth.principals import SYSTEM
from app.auth.service.users import update_user
from app.core.clock import new_id, utcnow
from app.events import RightsChanged, publish_after_commit
from app.projects.models import Member, Role, Visibility
from app.projects.service.teams import TeamAccess, take_from_team
from app.realtime.codes import CloseCode
from app.realtime.entry import Realtime
from app.realtime.socket import SocketOptions
from tests.fixtures.factories import Factory
from tests.polling import until
from tests.realtime.conftest import Client, Connect, Server
from tests.realtime.rows import Story, tell


@pytest.fixture
async def member(make: Factory) -> User:
    return await make.user()


@pytest.fixture
async def token(make: Factory, member: User) -> str:
    return await make.token(member)


@pytest.fixture
async def story(server: Server, make: Factory, member: User) -> Story:
    project = await make.project(members={Role.REPORTER: member})
    return await tell(server.database, await make.pipeline(project))


async def closed(client: Client) -> int:
    """The code that the server closes with."""
    with pytest.raises(ConnectionClosed) as caught:
        await client.next("nothing has this type")
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


class TestHandshake:
    @pytest.mark.parametrize(
        ("path", "status"),
        [("/ws", 401), ("/ws/system", 401), ("/ws/nonsense", 401)],
    )
    async def test_nobody_is_anonymous(
        self, server: Server, open_socket: Connect, path: str, status: int
    ) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(server, path, None)
        response = refused.value.response
        assert response.status_code == status
        assert json.loads(response.body)["code"] == "unauthenticated"

    async def test_a_wrong_token_is_401(self, server: Server, open_socket: Connect) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(server, "/ws", "ansflow_wrong")
        assert refused.value.response.status_code == 401

    async def test_what_one_may_not_see_is_404(
        self, server: Server, open_socket: Connect, story: Story, make: Factory
    ) -> None:
        stranger = await make.token(await make.user())
        for path in (
            f"/ws/executions/{story.execution.id}",
            f"/ws/jobs/{story.job.id}/logs",
            f"/ws/pipelines/{story.execution.pipeline_id}",
            f"/ws/projects/{story.execution.project_id}",
            f"/ws/executions/{new_id()}",
            "/ws/executions/1",
            "/ws/system",
            "/ws/nonsense",
        ):
            with pytest.raises(InvalidStatus) as refused:
                await open_socket(server, path, stranger)
            assert refused.value.response.status_code == 404, path

    async def test_a_guest_watches_executions_but_no_logs(
        self, server: Server, open_socket: Connect, make: Factory
    ) -> None:
        guest = await make.user()
        project = await make.project(members={Role.GUEST: guest})
        tale = await tell(server.database, await make.pipeline(project))
        token = await make.token(guest)
        client = await open_socket(server, f"/ws/executions/{tale.execution.id}", token)
        await client.next("execution.snapshot")
        await client.subscribe(tale.log_topic)
        assert (await client.next("error"))["data"]["code"] == "unknown_topic"

    async def test_a_public_project_is_open_to_every_user(
        self, server: Server, open_socket: Connect, make: Factory
    ) -> None:
        project = await make.project(visibility=Visibility.PUBLIC)
        tale = await tell(server.database, await make.pipeline(project))
        token = await make.token(await make.user())
        client = await open_socket(server, f"/ws/jobs/{tale.job.id}/logs", token)
        await client.next("log.snapshot")

    async def test_a_cookie_is_believed_from_our_own_pages_only(
        self, server: Server, open_socket: Connect, cookie: Callable[[], Awaitable[str]]
    ) -> None:
        headers = {"Cookie": await cookie()}
        for origin in (None, "https://evil.example"):
            more = {} if origin is None else {"Origin": origin}
            with pytest.raises(InvalidStatus) as refused:
                await open_socket(server, "/ws", None, headers=headers | more)
            assert refused.value.response.status_code == 403
        own = {"Origin": f"http://{server.address}"}
        client = await open_socket(server, "/ws", None, headers=headers | own)
        await client.send(type="ping")
        await client.next("pong")


@pytest.fixture
def cookie(server: Server, make: Factory) -> Callable[[], Awaitable[str]]:
    """A session cookie of a fresh user."""

    async def logged_in() -> str:
        user = await make.user(password_hash=await hash_password("correct horse battery"))
        # A password costs much, by intent, and the machine may be busy.
        address = f"http://{server.address}"
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            response = await client.post(
                "/api/v1/auth/login",
                json={"name": user.name, "password": "correct horse battery"},
            )
            assert response.is_success, response.text
            return response.headers["set-cookie"].split(";")[0]

    return logged_in


class TestBadFrames:
    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("not json", "malformed_frame"),
            ("[]", "malformed_frame"),
            ("null", "malformed_frame"),
            ("{}", "malformed_frame"),
            ('{"type":"dance"}', "malformed_frame"),
            ('{"type":"subscribe"}', "malformed_frame"),
            ('{"type":"subscribe","topic":7}', "malformed_frame"),
            ('{"type":"ping","extra":1}', "malformed_frame"),
            ("[" * 10_000, "malformed_frame"),
            (b"binary", "malformed_frame"),
            ('{"type":"subscribe","topic":"weather"}', "unknown_topic"),
            ('{"type":"subscribe","topic":"execution:1"}', "unknown_topic"),
            ('{"type":"subscribe","topic":"control:cancels"}', "unknown_topic"),
            ('{"type":"subscribe","topic":"system"}', "unknown_topic"),
        ],
    )
    async def test_an_error_frame_says_what_is_wrong(
        self, server: Server, open_socket: Connect, token: str, frame: str | bytes, code: str
    ) -> None:
        client = await open_socket(server, "/ws", token)
        await client.connection.send(frame)
        error = await client.next()
        assert error["type"] == "error"
        assert error["data"]["code"] == code
        await client.send(type="ping", id=1)
        assert (await client.next())["data"]["id"] == 1

    async def test_the_twentieth_malformed_frame_ends_it(
        self, server: Server, open_socket: Connect, token: str
    ) -> None:
        client = await open_socket(server, "/ws", token)
        for _ in range(20):
            await client.connection.send("?")
        assert await closed(client) == CloseCode.MALFORMED

    async def test_a_message_of_a_megabyte_ends_it(
        self, server: Server, open_socket: Connect, token: str
    ) -> None:
        client = await open_socket(server, "/ws", token)
        await client.connection.send("x" * 1_000_000)
        assert await closed(client) == CloseCode.TOO_BIG

    async def test_a_flood_ends_it(self, server: Server, open_socket: Connect, token: str) -> None:
        client = await open_socket(server, "/ws", token)

        async def flood() -> None:
            for _ in range(100_000):
                await client.send(type="ping")

        flooding = asyncio.create_task(flood())
        assert await closed(client) == CloseCode.FLOODING
        flooding.cancel()
        await asyncio.wait({flooding})

    async def test_a_subscription_storm_is_bounded(
        self, server: Server, open_socket: Connect, make: Factory
    ) -> None:
        token = await make.token(await make.user(administrator=True))
        client = await open_socket(server, "/ws", token)
        for _ in range(250):
            await client.subscribe(f"execution:{new_id()}")
        codes = [(await client.next("error"))["data"]["code"] for _ in range(250)]
        assert set(codes) <= {"unknown_topic", "too_many_subscriptions"}
        await client.send(type="ping")
        await client.next("pong")


class TestTheEnd:
    async def test_a_token_that_expires_ends_the_socket(
        self, server: Server, open_socket: Connect, make: Factory, member: User
    ) -> None:
        token = await make.token(member, expires_at=utcnow() + timedelta(seconds=1.5))
        client = await open_socket(server, "/ws", token)
        assert await closed(client) == CloseCode.CREDENTIAL_ENDED

    async def test_a_revoked_token_ends_the_socket(
        self, server: Server, open_socket: Connect, member: User, token: str
    ) -> None:
        client = await open_socket(server, "/ws", token)
        async with server.database.session() as session:
            await session.execute(delete(ApiToken).where(ApiToken.user_id == member.id))
            publish_after_commit(session, RightsChanged(user_ids=[member.id]))
        assert await closed(client) == CloseCode.CREDENTIAL_ENDED

    @pytest.mark.parametrize("by", ["token", "session"])
    async def test_a_user_who_is_switched_off_loses_every_socket(
        self,
        server: Server,
        open_socket: Connect,
        make: Factory,
        member: User,
        token: str,
        by: str,
    ) -> None:
        headers = {}
        if by == "session":
            headers["Cookie"] = f"ansflow_session={await make.session(member)}"
            headers["Origin"] = f"http://{server.address}"
        client = await open_socket(
            server, "/ws", None if by == "session" else token, headers=headers
        )
        await update_user(
            server.database, by=SYSTEM, user_id=member.id, changes={"is_active": False}
        )
        assert await closed(client) == CloseCode.CREDENTIAL_ENDED

    async def test_rights_lost_with_a_team_end_the_subscription(
        self, server: Server, open_socket: Connect, make: Factory
    ) -> None:
        user, project = await make.user(), await make.project()
        team = await make.team(None, user)
        await make.team_role(project, team, Role.GUEST)
        client = await open_socket(server, "/ws", await make.token(user))
        topic = f"project:{project.id}"
        await client.subscribe(topic)
        await client.next("project.snapshot")
        async with server.database.session() as session:
            access = TeamAccess(team, SYSTEM, is_manager=True)
            await take_from_team(session, access=access, user_name=user.name)
        assert (await client.next("revoked"))["topic"] == topic

    async def test_lost_rights_end_the_subscription(
        self, server: Server, open_socket: Connect, member: User, token: str, story: Story
    ) -> None:
        shortcut = await open_socket(server, f"/ws/executions/{story.execution.id}", token)
        client = await open_socket(server, "/ws", token)
        await client.subscribe(story.topic)
        await client.next("execution.snapshot")
        async with server.database.session() as session:
            await session.delete(
                await session.get_one(Member, (story.execution.project_id, member.id))
            )
            publish_after_commit(session, RightsChanged(user_ids=[member.id]))
        assert (await client.next("revoked"))["topic"] == story.topic
        await story.change()
        await client.send(type="ping")
        assert (await client.next("job.changed", "pong"))["type"] == "pong"
        assert await closed(shortcut) == CloseCode.RIGHTS_LOST

    async def test_the_maximum_lifetime_ends_with_a_reconnect_frame(
        self,
        server: Server,
        open_socket: Connect,
        token: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(server.realtime, "options", SocketOptions(max_lifetime_s=0.3))
        client = await open_socket(server, "/ws", token)
        await client.next("reconnect")
        assert await closed(client) == CloseCode.RECONNECT

    async def test_nothing_is_left_of_a_client_that_goes(
        self, server: Server, open_socket: Connect, token: str, story: Story
    ) -> None:
        client = await open_socket(server, f"/ws/executions/{story.execution.id}", token)
        await client.next("execution.snapshot")
        statistics = server.realtime.connections.statistics()
        assert statistics["by_kind"] == {"execution": 1}
        assert statistics["subscriptions"] == {"execution": 1}
        await client.connection.close()
        await until(lambda: _open(server.realtime) == 0)


def _open(realtime: Realtime) -> object:
    return realtime.connections.statistics()["open"]


class TestSlowClients:
    async def test_one_that_never_reads_is_cut_off_and_slows_nobody(
        self,
        server: Server,
        open_socket: Connect,
        token: str,
        story: Story,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(server.realtime, "options", SocketOptions(queue_frames=16))
        monkeypatch.setattr("app.realtime.outlet._CLOSE_S", 0.2)
        path = f"/ws/jobs/{story.job.id}/logs"
        slow = await open_socket(server, path, token, max_queue=1)
        quick = await open_socket(server, path, token)
        await quick.next("log.snapshot")
        slow.connection.transport.pause_reading()
        seen = 0
        for number in range(400):
            await story.write(f"{number} " + "x" * 30_000)
            seen = (await quick.next("log.lines"))["seq"]
            if server.realtime.hub.resyncs:
                break
        assert server.realtime.hub.resyncs == 1
        assert seen == story.lines
        slow.connection.transport.resume_reading()
        resync = await slow.next("resync")
        assert resync["data"]["topics"] == [story.log_topic]
