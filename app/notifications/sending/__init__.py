"""Sends one notification over one channel: values in, an outcome out, no database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.core.outgoing import Reply, RequestFailed, post
from app.notifications.models import ChannelKind
from app.notifications.notice import Notice, one_line
from app.notifications.sending.chat import MESSAGES, refusal
from app.notifications.sending.email import Mailer, MailFailed
from app.notifications.sending.signing import signature

_AGAIN = frozenset({408, 425, 429})
AGENT = "AnsFlow"


@dataclass(frozen=True, slots=True)
class Target:
    """A channel in clear, for as long as one notification takes."""

    kind: ChannelKind
    recipients: tuple[str, ...] = ()
    url: str = ""
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try. `is_final`: the same will not succeed later."""

    ok: bool
    detail: str
    status: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends notifications. `mailer` None: no SMTP server is configured."""

    mailer: Mailer | None
    allow_private: bool

    async def send(self, target: Target, notice: Notice) -> Outcome:
        """Try once; whatever goes wrong is the outcome."""
        if target.kind is ChannelKind.EMAIL:
            return await self._mail(target, notice)
        try:
            return await self._post(target, notice)
        except RequestFailed as error:
            return Outcome(False, str(error), is_final=error.is_final)

    async def _mail(self, target: Target, notice: Notice) -> Outcome:
        if self.mailer is None:
            return Outcome(
                False, "no SMTP server is configured: set ANSFLOW_SMTP__HOST", is_final=True
            )
        try:
            return Outcome(True, await self.mailer.send(target.recipients, notice))
        except MailFailed as error:
            return Outcome(False, str(error), is_final=error.is_final)

    async def _post(self, target: Target, notice: Notice) -> Outcome:
        if target.kind is ChannelKind.WEBHOOK:
            reply = await self._webhook(target, notice)
            return _outcome(reply, None)
        message = MESSAGES[target.kind](notice, target.url, target.secret)
        reply = await post(
            message.url,
            content=_json(message.body),
            headers=_HEADERS,
            allow_private=self.allow_private,
        )
        outcome = _outcome(reply, refusal(target.kind, reply))
        if outcome.ok or target.kind is not ChannelKind.SLACK:
            return outcome
        # Slack says why in a word: `no_service`, `channel_is_archived`, ….
        why = one_line(reply.body[:200].decode(errors="replace"))
        return replace(outcome, detail=f"{outcome.detail}: {why}" if why else outcome.detail)

    async def _webhook(self, target: Target, notice: Notice) -> Reply:
        content = _json(notice.document())
        headers = {
            **_HEADERS,
            "X-AnsFlow-Event": notice.event,
            "X-AnsFlow-Delivery": str(notice.delivery_id),
        }
        if target.secret is not None:
            headers["X-AnsFlow-Signature-256"] = signature(target.secret, content)
        return await post(
            target.url, content=content, headers=headers, allow_private=self.allow_private
        )


_HEADERS: Mapping[str, str] = {"Content-Type": "application/json", "User-Agent": AGENT}


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _outcome(reply: Reply, refused: str | None) -> Outcome:
    if 200 <= reply.status < 300:
        if refused is None:
            return Outcome(True, f"answered {reply.status}", reply.status)
        return Outcome(False, refused, reply.status)
    is_final = 300 <= reply.status < 500 and reply.status not in _AGAIN
    return Outcome(False, f"answered {reply.status}", reply.status, is_final)
