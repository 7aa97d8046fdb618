"""The messages of chats, as their robots take them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.outgoing import Reply
from app.notifications.models import ChannelKind
from app.notifications.notice import Notice
from app.notifications.sending.signing import dingtalk, feishu

_PLAIN = str.maketrans({"[": "(", "]": ")", "<": "(", ">": ")", "`": "'", "@": "(at)"})
_WECOM_BYTES = 4000
"""A message of WeCom has 4096 bytes at most, one of the others several times that."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What is posted, and where to."""

    url: str
    body: Mapping[str, Any]


def _slack(notice: Notice, url: str, _secret: str | None) -> ChatMessage:
    lines = [f"*<{notice.link}|{_slack_text(notice.title)}>*", *map(_slack_text, notice.facts)]
    return ChatMessage(url, {"text": "\n".join([*lines, *_fenced(notice, _slack_text)])})


def _slack_text(text: str) -> str:
    # All that Slack asks for; a name cannot become a mention or a link then.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(notice: Notice) -> str:
    title = _unlinked(notice.title)
    lines = [f"**[{title}]({notice.link})**", *map(_unlinked, notice.facts)]
    return "\n\n".join([*lines, "\n".join(_fenced(notice, str))]).rstrip()


def _unlinked(text: str) -> str:
    # Brackets make links, `@` calls people, `<` begins fonts and mentions.
    return text.translate(_PLAIN)


def _fenced(notice: Notice, escape: Callable[[str], str]) -> list[str]:
    if not notice.log:
        return []
    return ["```", *(escape(line.replace("```", "'''")) for line in notice.log), "```"]


def _dingtalk(notice: Notice, url: str, secret: str | None) -> ChatMessage:
    if secret is not None:
        url += ("&" if "?" in url else "?") + dingtalk(secret, int(time.time() * 1000))
    markdown = {"title": notice.title, "text": _markdown(notice)}
    return ChatMessage(url, {"msgtype": "markdown", "markdown": markdown})


def _feishu(notice: Notice, url: str, secret: str | None) -> ChatMessage:
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": _unmentioned(notice.text())}}
    if secret is not None:
        at_s = int(time.time())
        body |= {"timestamp": str(at_s), "sign": feishu(secret, at_s)}
    return ChatMessage(url, body)


def _unmentioned(text: str) -> str:
    return text.replace("<at ", "< at ")


def _wecom(notice: Notice, url: str, _secret: str | None) -> ChatMessage:
    content = _markdown(notice).encode()[:_WECOM_BYTES].decode(errors="ignore")
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
    """Why a chat did not take a message, although it answered 200; None: it did."""
    if kind not in _CODES:
        return None
    code, message = _CODES[kind]
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return "the answer is not JSON"
    if not isinstance(answer, dict):
        return "the answer is not a JSON object"
    found = answer.get(code, 0)
    return None if found == 0 else f"{code} {found}: {str(answer.get(message, ''))[:200]}"
