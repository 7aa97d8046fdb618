"""The messages of chats, as their robots take them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.core.outgoing import Reply
from app.notifications.models import ChannelKind
from app.notifications.notice import Notice
from app.notifications.sending.signing import dingtalk, feishu

_PLAIN = str.maketrans({"[": "(", "]": ")", "<": "(", ">": ")", "`": "'", "@": "(at)"})
_MOST_BYTES = {
    ChannelKind.SLACK: 36_000,
    ChannelKind.DINGTALK: 18_000,
    ChannelKind.FEISHU: 18_000,
    ChannelKind.WECOM: 4_000,
}
"""Somewhat below what they take: 40,000 characters, 20,000 bytes, 20 KiB, 4,096 bytes."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What is posted, and where to."""

    url: str
    body: Mapping[str, Any]


def _slack(notice: Notice, url: str, _secret: str | None) -> ChatMessage:
    return ChatMessage(url, {"text": _fitting(ChannelKind.SLACK, notice, _mrkdwn)})


def _mrkdwn(notice: Notice) -> str:
    lines = [f"*<{notice.link}|{_slack_text(notice.title)}>*", *map(_slack_text, notice.facts)]
    return "\n".join([*lines, *_fenced(notice)])


def _slack_text(text: str) -> str:
    # All that Slack asks for; a name cannot become a mention or a link then.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(notice: Notice) -> str:
    # Neither DingTalk nor WeCom knows fences of code, both know quotations; a line of DingTalk
    # ends with two spaces.
    title = _unlinked(notice.title)
    lines = [f"**[{title}]({notice.link})**", *map(_unlinked, notice.facts)]
    log = "  \n".join(f"> {_unlinked(line)}" for line in notice.log)
    return "\n\n".join([*lines, log]).rstrip()


def _unlinked(text: str) -> str:
    # Brackets make links, `@` calls people, `<` begins fonts and mentions.
    return text.translate(_PLAIN)


def _fenced(notice: Notice) -> list[str]:
    if not notice.log:
        return []
    return ["```", *(_slack_text(line.replace("```", "'''")) for line in notice.log), "```"]


def _fitting(kind: ChannelKind, notice: Notice, make: Callable[[Notice], str]) -> str:
    """What a chat takes of a text: without the earliest lines of the log, if it is too long."""
    most = _MOST_BYTES[kind]
    while notice.log and len(make(notice).encode()) > most:
        notice = replace(notice, log=notice.log[1:])
    return make(notice).encode()[:most].decode(errors="ignore")


def _dingtalk(notice: Notice, url: str, secret: str | None) -> ChatMessage:
    if secret is not None:
        url += ("&" if "?" in url else "?") + dingtalk(secret, int(time.time() * 1000))
    text = _fitting(ChannelKind.DINGTALK, notice, _markdown)
    markdown = {"title": notice.title, "text": text}
    return ChatMessage(url, {"msgtype": "markdown", "markdown": markdown})


def _feishu(notice: Notice, url: str, secret: str | None) -> ChatMessage:
    text = _unmentioned(_fitting(ChannelKind.FEISHU, notice, Notice.text))
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
    if secret is not None:
        at_s = int(time.time())
        body |= {"timestamp": str(at_s), "sign": feishu(secret, at_s)}
    return ChatMessage(url, body)


def _unmentioned(text: str) -> str:
    return text.replace("<at ", "< at ")


def _wecom(notice: Notice, url: str, _secret: str | None) -> ChatMessage:
    content = _fitting(ChannelKind.WECOM, notice, _markdown)
    return ChatMessage(url, {"msgtype": "markdown", "markdown": {"content": content}})


MESSAGES: Mapping[ChannelKind, Callable[[Notice, str, str | None], ChatMessage]] = {
    ChannelKind.SLACK: _slack,
    ChannelKind.DINGTALK: _dingtalk,
    ChannelKind.FEISHU: _feishu,
    ChannelKind.WECOM: _wecom,
}
_CODES = {
    ChannelKind.DINGTALK: ("errcode", "errmsg"),
    ChannelKind.WECOM: ("errcode", "errmsg"),
    ChannelKind.FEISHU: ("code", "msg"),
}


def refusal(kind: ChannelKind, reply: Reply) -> str | None:
    """Why a chat did not take a message, although it answered 200; None: it did.

    Slack answers other codes then; the others always 200, with a code that is 0 when they did.
    """
    if kind not in _CODES:
        return None
    code, message = _CODES[kind]
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return "the answer is not JSON"
    if not isinstance(answer, dict):
        return "the answer is not a JSON object"
    found = answer.get(code)
    if found is None:
        return f"the answer has no {code}: {reply.body[:200].decode(errors='replace')}"
    return None if found == 0 else f"{code} {found}: {str(answer.get(message, ''))[:200]}"
