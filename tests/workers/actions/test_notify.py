"""`notify`: what each channel is sent, and what counts as a refusal."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, MemoryStore
from workers.runner.settings import RunnerSettings

SECRET = "a secret of the chat"  # noqa: S105  a test's own


class Chat:
    """A web server that answers what it is told and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers = [b'{"errcode": 0}']
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines) if k}
            content = await reader.readexactly(int(headers["content-length"]))
            self.got.append((first.split()[1], headers, content))
            body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            length = f"Content-Length: {len(body)}\r\n\r\n".encode()
            writer.write(b"HTTP/1.1 200 OK\r\n" + length + body)
            await writer.drain()
        writer.close()

    @property
    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.got[-1][2])
        return found


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    chat = Chat()
    listening = await asyncio.start_server(chat.answer, "127.0.0.1", 0)
    chat.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield chat


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.settings = RunnerSettings(allow_private_addresses=True, grace_s=0.5)
    return bench


def step(**inputs: str) -> str:
    given = {"message": "It is broken.", **inputs}
    return f"on: push\nsteps:\n  - uses: notify\n    with: {json.dumps(given)}\n"


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        ("slack", {"text": "Build\nIt is broken."}),
        ("dingtalk", {"msgtype": "text", "text": {"content": "Build\nIt is broken."}}),
        ("wecom", {"msgtype": "text", "text": {"content": "Build\nIt is broken."}}),
        ("feishu", {"msg_type": "text", "content": {"text": "Build\nIt is broken."}}),
    ],
)
async def test_chats_get_their_own_form(
    bench: Bench, chat: Chat, channel: str, payload: dict[str, Any]
) -> None:
    url = f"http://127.0.0.1:{chat.port}/hook/token-of-the-hook"
    result = await bench.run(step(channel=channel, url=url, title="Build"))
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    assert chat.last == payload
    assert "token-of-the-hook" not in bench.store.text(0)


async def test_a_webhook_is_told_what_ran_and_signed(bench: Bench, chat: Chat) -> None:
    url = f"http://127.0.0.1:{chat.port}/"
    result = await bench.run(step(channel="webhook", url=url, secret=SECRET))
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    _, headers, content = chat.got[-1]
    expected = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    assert headers["x-ansflow-signature-256"] == f"sha256={expected}"
    assert (chat.last["message"], chat.last["number"]) == ("It is broken.", 1)


async def test_signatures_of_dingtalk_and_feishu(bench: Bench, chat: Chat) -> None:
    url = f"http://127.0.0.1:{chat.port}/hook?access_token=x"
    await bench.run(step(channel="dingtalk", url=url, secret=SECRET))
    query = parse_qs(urlsplit(chat.got[-1][0]).query)
    text = f"{query['timestamp'][0]}\n{SECRET}".encode()
    signed = hmac.new(SECRET.encode(), text, hashlib.sha256).digest()
    assert base64.b64decode(query["sign"][0]) == signed
    bench.store = MemoryStore()
    await bench.run(step(channel="feishu", url=url, secret=SECRET))
    key = f"{chat.last['timestamp']}\n{SECRET}".encode()
    assert base64.b64decode(chat.last["sign"]) == hmac.new(key, b"", hashlib.sha256).digest()


async def test_a_chat_that_refuses_with_status_200_fails_the_step(bench: Bench, chat: Chat) -> None:
    chat.answers = [b'{"errcode": 310000, "errmsg": "keywords not in content"}']
    url = f"http://127.0.0.1:{chat.port}/"
    result = await bench.run(step(channel="dingtalk", url=url, retries="0"))
    assert result.status is JobStatus.FAILURE
    assert "keywords not in content (310000)" in (bench.store.step(0).reason or "")


async def test_it_tries_again(bench: Bench, chat: Chat) -> None:
    chat.answers = [b"busy", b'{"code": 0}']
    url = f"http://127.0.0.1:{chat.port}/"
    result = await bench.run(step(channel="feishu", url=url, retries="1"))
    assert result.status is JobStatus.SUCCESS
    assert len(chat.got) == 2


class Mail:
    """An SMTP server that takes everything."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.refuses = False
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode().rstrip("\r\n"):
                self.lines.append(line)
                if line.upper() == "DATA":
                    writer.write(b"354 go on\r\n")
                    await self._take(reader)
                    writer.write(b"250 taken\r\n")
                elif line.upper().startswith("RCPT TO:<B") and self.refuses:
                    writer.write(b"550 unknown\r\n")
                else:
                    writer.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")
                await writer.drain()
        writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> None:
        while (line := (await reader.readline()).decode().rstrip("\r\n")) != ".":
            self.lines.append(line)


@pytest.fixture
async def mail() -> AsyncIterator[Mail]:
    mail = Mail()
    listening = await asyncio.start_server(mail.answer, "127.0.0.1", 0)
    mail.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield mail


def by_mail(mail: Mail, **inputs: str) -> str:
    given = {"to": "a@example.org, b@example.org", "from": "ci@example.org", **inputs}
    return step(channel="email", url=f"smtp://127.0.0.1:{mail.port}", **given)


async def test_an_email_reaches_everybody(bench: Bench, mail: Mail) -> None:
    result = await bench.run(by_mail(mail, title="Build\nBcc: x@example.org"))
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    recipients = [line.lower() for line in mail.lines if line.lower().startswith("rcpt")]
    assert recipients == ["rcpt to:<a@example.org>", "rcpt to:<b@example.org>"]
    assert "Subject: Build Bcc: x@example.org" in mail.lines
    assert "It is broken." in mail.lines


async def test_a_refused_email_fails_the_step(bench: Bench, mail: Mail) -> None:
    mail.refuses = True
    result = await bench.run(by_mail(mail))
    assert result.status is JobStatus.FAILURE
    assert "did not take the message" in (bench.store.step(0).reason or "")


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"channel": "pigeon", "url": "x"}, "must be one of email, webhook"),
        ({"channel": "slack", "url": "ftp://x"}, "must begin with http"),
        ({"channel": "email", "url": "http://x", "to": "a@b", "from": "c@d"}, "must be smtp://"),
        ({"channel": "email", "url": "smtp://x", "to": "nobody", "from": "c@d"}, "'to' must hold"),
    ],
)
async def test_wrong_inputs_say_why(bench: Bench, inputs: dict[str, str], why: str) -> None:
    result = await bench.run(step(**inputs))
    assert result.status is JobStatus.FAILURE
    assert why in (bench.store.step(0).reason or "")


async def test_private_addresses_are_refused(bench: Bench, mail: Mail) -> None:
    bench.settings = RunnerSettings(grace_s=0.5)
    await bench.run(by_mail(mail))
    assert "not public" in (bench.store.step(0).reason or "")
    assert not mail.lines
