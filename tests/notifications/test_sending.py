"""What leaves over each kind of channel, received by real servers."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.core.clock import new_id
from app.notifications.models import ChannelKind
from app.notifications.notice import Notice
from app.notifications.sending import Outcome, Sender, Target
from app.notifications.sending.email import Mailer, message_of
from tests.notifications.servers import HttpServer, SmtpServer, certificate, smtp_server

NOTICE = Notice(
    delivery_id=new_id(),
    event="failed",
    title="demo/build #7 failed",
    link="https://ansflow.test/x",
    facts=["push by ada, main", "Step: tests (exit code 2)"],
    log=["expected 1", "got 2 ```"],
    data={"execution": {"number": 7}},
)
SENDER = Sender(None, allow_private=True)
SECRET = "a key"  # noqa: S105  of a test


def mailer(port: int, **changes: Any) -> Mailer:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "encryption": "none",
        "username": None,
        "password": None,
        "sender": "AnsFlow <ansflow@example.com>",
        "timeout_s": 30.0,
        "verify": False,
        **changes,
    }
    return Mailer(**given)


async def mail(server: SmtpServer, notice: Notice = NOTICE, **changes: Any) -> Outcome:
    target = Target(ChannelKind.EMAIL, recipients=("ada@example.com", "bob@example.com"))
    return await Sender(mailer(server.port, **changes), allow_private=False).send(target, notice)


class TestEmail:
    async def test_all_recipients_get_title_facts_log_and_link(self, smtp: SmtpServer) -> None:
        outcome = await mail(smtp)
        assert (outcome.ok, "queued as 1" in outcome.detail) == (True, True)
        (got,) = smtp.mails
        assert got.recipients == ["ada@example.com", "bob@example.com"]
        assert got.message["Subject"] == "[AnsFlow] demo/build #7 failed"
        assert got.message["From"] == "AnsFlow <ansflow@example.com>"
        assert got.message["To"] == "ada@example.com, bob@example.com"
        text = got.message.get_content()
        for part in (*NOTICE.facts, *NOTICE.log, NOTICE.link):
            assert part in text

    async def test_starttls_comes_before_the_password(self, tmp_path: Path) -> None:
        async with smtp_server(certificate(tmp_path)) as server:
            outcome = await mail(server, encryption="starttls", username="u", password=SECRET)
        assert outcome.ok, outcome
        (got,) = server.mails
        assert got.is_encrypted
        assert got.user is not None

    async def test_a_server_without_starttls_gets_nothing(self, smtp: SmtpServer) -> None:
        outcome = await mail(smtp, encryption="starttls", username="u", password=SECRET)
        assert not outcome.ok
        assert not smtp.mails

    async def test_a_certificate_that_nobody_signed_is_refused(self, tmp_path: Path) -> None:
        async with smtp_server(certificate(tmp_path)) as server:
            outcome = await mail(server, encryption="starttls", verify=True)
        assert not outcome.ok
        assert not server.mails

    @pytest.mark.parametrize(
        "name",
        ["x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\u2028Bcc: a", "🎉" * 300],
    )
    async def test_no_name_makes_a_header(self, smtp: SmtpServer, name: str) -> None:
        notice = replace(NOTICE, title=name, facts=[name], event="failed")
        assert (await mail(smtp, notice)).ok
        (got,) = smtp.mails
        assert got.recipients == ["ada@example.com", "bob@example.com"]
        assert got.message["Bcc"] is None

    def test_a_recipient_that_makes_a_header_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\S"):
            message_of(NOTICE, sender="a@b.example", recipients=["x@y.example\r\nBcc: z@y.example"])

    @pytest.mark.parametrize(
        ("answer", "is_final"), [("550 no such user", True), ("450 try later", False)]
    )
    async def test_a_refusal_is_told(self, smtp: SmtpServer, answer: str, is_final: bool) -> None:
        smtp.refuse = answer
        outcome = await mail(smtp)
        assert (outcome.ok, outcome.is_final) == (False, is_final)
        assert answer[4:] in outcome.detail

    async def test_a_server_that_is_away_may_come_back(self) -> None:
        outcome = await mail(SmtpServer(port=1))
        assert (outcome.ok, outcome.is_final) == (False, False)

    async def test_without_a_server_in_the_settings_it_says_so(self) -> None:
        outcome = await SENDER.send(Target(ChannelKind.EMAIL, ("a@b.example",)), NOTICE)
        assert (outcome.ok, outcome.is_final) == (False, True)
        assert "ANSFLOW_SMTP__HOST" in outcome.detail


class TestWebhook:
    async def test_the_signature_is_of_the_bytes_of_the_body(self, web: HttpServer) -> None:
        target = Target(ChannelKind.WEBHOOK, url=f"{web.url}/hook?a=b", secret=SECRET)
        outcome = await SENDER.send(target, NOTICE)
        assert (outcome.ok, outcome.status) == (True, 200)
        (got,) = web.requests
        assert got.target == "/hook?a=b"
        digest = hmac.new(SECRET.encode(), got.content, hashlib.sha256).hexdigest()
        assert got.headers["x-ansflow-signature-256"] == f"sha256={digest}"
        assert got.headers["x-ansflow-event"] == "failed"
        assert got.headers["x-ansflow-delivery"] == str(NOTICE.delivery_id)
        assert got.headers["host"] == f"127.0.0.1:{web.port}"
        document = json.loads(got.content)
        assert document["execution"] == {"number": 7}
        assert document["log"] == list(NOTICE.log)

    async def test_without_a_key_it_is_not_signed(self, web: HttpServer) -> None:
        await SENDER.send(Target(ChannelKind.WEBHOOK, url=web.url), NOTICE)
        assert "x-ansflow-signature-256" not in web.requests[0].headers

    @pytest.mark.parametrize(
        ("status", "is_final"), [(500, False), (503, False), (429, False), (404, True), (302, True)]
    )
    async def test_an_answer_that_is_no_success_is_one_of_two_kinds(
        self, web: HttpServer, status: int, is_final: bool
    ) -> None:
        web.status = status
        outcome = await SENDER.send(Target(ChannelKind.WEBHOOK, url=web.url), NOTICE)
        assert (outcome.ok, outcome.status, outcome.is_final) == (False, status, is_final)

    async def test_a_redirect_is_not_followed(self, web: HttpServer) -> None:
        web.status, web.location = 302, f"{web.url}/elsewhere"
        await SENDER.send(Target(ChannelKind.WEBHOOK, url=web.url), NOTICE)
        assert [request.target for request in web.requests] == ["/"]

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0.0.0.0"])  # noqa: S104  to be refused
    async def test_private_addresses_are_refused(self, web: HttpServer, host: str) -> None:
        target = Target(ChannelKind.WEBHOOK, url=f"http://{host}:{web.port}/secret-path")
        outcome = await Sender(None, allow_private=False).send(target, NOTICE)
        assert not outcome.ok
        assert "secret-path" not in outcome.detail
        assert not web.requests

    @pytest.mark.parametrize("url", ["", "file:///etc/passwd", "http://", "x"])
    async def test_what_is_no_url_is_refused_for_good(self, url: str) -> None:
        outcome = await SENDER.send(Target(ChannelKind.WEBHOOK, url=url), NOTICE)
        assert (outcome.ok, outcome.is_final) == (False, True)


TAKEN = {
    ChannelKind.SLACK: b"ok",
    ChannelKind.DINGTALK: b'{"errcode":0,"errmsg":"ok"}',
    ChannelKind.FEISHU: b'{"StatusCode":0,"StatusMessage":"success","code":0,"msg":"success"}',
    ChannelKind.WECOM: b'{"errcode":0,"errmsg":"ok"}',
}
"""What each chat answers when it has taken a message."""


async def chat(web: HttpServer, kind: ChannelKind, notice: Notice = NOTICE) -> tuple[Any, str]:
    """What a chat gets: the body and the target of the request."""
    web.answer = TAKEN[kind]
    outcome = await SENDER.send(Target(kind, url=f"{web.url}/robot?token=t", secret=SECRET), notice)
    assert outcome.ok, outcome
    got = web.requests[-1]
    return json.loads(got.content), got.target


class TestChats:
    async def test_slack(self, web: HttpServer) -> None:
        body, target = await chat(web, ChannelKind.SLACK)
        assert target == "/robot?token=t"
        assert "*<https://ansflow.test/x|demo/build #7 failed>*" in body["text"]
        assert "got 2 '''" in body["text"]

    async def test_a_name_calls_nobody_in_slack(self, web: HttpServer) -> None:
        body, _ = await chat(web, ChannelKind.SLACK, replace(NOTICE, title="<!channel> & <a|b>"))
        assert "&lt;!channel&gt; &amp; &lt;a|b&gt;" in body["text"]

    async def test_dingtalk_is_signed_behind_the_url(self, web: HttpServer) -> None:
        body, target = await chat(web, ChannelKind.DINGTALK)
        assert body["markdown"]["title"] == NOTICE.title
        assert "> expected 1  \n> got 2" in body["markdown"]["text"]
        assert body["msgtype"] == "markdown"
        assert "[demo/build #7 failed](https://ansflow.test/x)" in body["markdown"]["text"]
        query = parse_qs(urlsplit(target).query)
        assert query["token"] == ["t"]
        text = f"{query['timestamp'][0]}\n{SECRET}".encode()
        digest = hmac.new(SECRET.encode(), text, hashlib.sha256).digest()
        assert query["sign"] == [base64.b64encode(digest).decode()]

    async def test_feishu_is_signed_in_the_body(self, web: HttpServer) -> None:
        body, _ = await chat(web, ChannelKind.FEISHU)
        key = f"{body['timestamp']}\n{SECRET}".encode()
        digest = hmac.new(key, b"", hashlib.sha256).digest()
        assert body["sign"] == base64.b64encode(digest).decode()
        assert body["msg_type"] == "text"
        assert "expected 1" in body["content"]["text"]

    async def test_wecom_has_no_more_bytes_than_it_may(self, web: HttpServer) -> None:
        log = [*["ü" * 300] * 20, "the last line"]
        body, _ = await chat(web, ChannelKind.WECOM, replace(NOTICE, log=log))
        assert len(body["markdown"]["content"].encode()) <= 4096
        assert body["markdown"]["content"].endswith("> the last line")

    @pytest.mark.parametrize("kind", [ChannelKind.FEISHU, ChannelKind.DINGTALK])
    async def test_long_logs_lose_their_beginning_and_keep_the_link(
        self, web: HttpServer, kind: ChannelKind
    ) -> None:
        log = [*["💥" * 300] * 20, "the last line"]
        await chat(web, kind, replace(NOTICE, log=log))
        content = web.requests[-1].content.decode()
        assert len(content.encode()) <= 20_000
        assert "the last line" in content
        assert NOTICE.link in content

    async def test_slack_says_why(self, web: HttpServer) -> None:
        web.status, web.answer = 410, b"channel_is_archived"
        outcome = await SENDER.send(Target(ChannelKind.SLACK, url=web.url), NOTICE)
        assert (outcome.ok, outcome.is_final) == (False, True)
        assert outcome.detail == "answered 410: channel_is_archived"

    async def test_a_name_makes_no_link_and_calls_nobody(self, web: HttpServer) -> None:
        notice = replace(NOTICE, title="[x](http://evil.example) <@all>")
        body, _ = await chat(web, ChannelKind.WECOM, notice)
        assert "(x)(http://evil.example) ((at)all)" in body["markdown"]["content"]

    @pytest.mark.parametrize(
        ("kind", "answer"),
        [
            (ChannelKind.DINGTALK, b'{"errcode": 310000, "errmsg": "sign not match"}'),
            (ChannelKind.WECOM, b'{"errcode": 93000, "errmsg": "sign not match"}'),
            (ChannelKind.FEISHU, b'{"code": 19021, "msg": "sign not match"}'),
            (ChannelKind.FEISHU, b"<html>"),
            (ChannelKind.FEISHU, b"{}"),
            (ChannelKind.DINGTALK, b"{}"),
            (ChannelKind.FEISHU, b"[]"),
        ],
    )
    async def test_a_200_that_says_no_is_a_failure(
        self, web: HttpServer, kind: ChannelKind, answer: bytes
    ) -> None:
        web.answer = answer
        outcome = await SENDER.send(Target(kind, url=web.url), NOTICE)
        assert (outcome.ok, outcome.is_final) == (False, False)
        told = ("sign not match", "JSON", "has no")
        assert any(part in outcome.detail for part in told)
