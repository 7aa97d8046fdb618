"""`notify`: a message into a chat, to a webhook or by e-mail."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from app.notifications.sending import signing
from workers.actions.base import ActionCall, ActionFailed
from workers.actions.http import RETRY_AFTER_S, Wanted, send
from workers.actions.mail import send_mail

TIMEOUT_S = 30.0
Payload = dict[str, Any]


async def notify(call: ActionCall) -> None:
    """Send `message` over `channel`; a chat that answers with an error fails the step."""
    channel = call.inputs["channel"].strip().lower()
    if channel == "email":
        await call.interruptible(send_mail(call))
        await call.log("Sent by e-mail.")
        return
    payload_of = CHANNELS.get(channel)
    if payload_of is None:
        raise ActionFailed(
            f"Input 'channel' must be one of email, {', '.join(CHANNELS)}, not {channel!r}."
        )
    url = call.inputs.get("url", "").strip()
    if not url:
        raise ActionFailed(f"Input 'url' is needed for {channel}: the address of its webhook.")
    await _post(call, channel, url, payload_of(call))
    await call.log(f"Sent to {channel}.")


async def _post(call: ActionCall, channel: str, url: str, payload: Payload) -> None:
    tries = int(call.number("retries")) + 1
    for attempt in range(1, tries + 1):
        try:
            # Signed anew each time: signatures are good for a while only.
            status, body = await call.interruptible(
                send(call, _signed(channel, url, payload, call.inputs.get("secret", "")))
            )
        except httpx.HTTPError as error:
            problem = f"The request failed: {error or type(error).__name__}."
        else:
            refusal = _refusal(channel, status, body)
            if refusal is None:
                return
            problem = f"{channel} refused the message: {refusal}."
        if attempt < tries:
            await call.log(f"{problem} Trying again ({attempt} of {tries - 1}).")
            await call.interruptible(asyncio.sleep(RETRY_AFTER_S))
    raise ActionFailed(problem)


def _signed(channel: str, url: str, payload: Payload, secret: str) -> Wanted:
    """The request, with the signature that the chat wants when a secret was set there."""
    if secret and channel == "dingtalk":
        url += ("&" if "?" in url else "?") + signing.dingtalk(secret, int(time.time() * 1000))
    elif secret and channel == "feishu":
        at_s = int(time.time())
        payload = {"timestamp": str(at_s), "sign": signing.feishu(secret, at_s), **payload}
    content = json.dumps(payload, ensure_ascii=False).encode()
    headers = httpx.Headers({"Content-Type": "application/json"})
    if secret and channel == "webhook":
        headers["X-AnsFlow-Signature-256"] = signing.signature(secret, content)
    return Wanted("POST", url, headers, content, TIMEOUT_S)


def _refusal(channel: str, status: int, body: str) -> str | None:
    """What the chat has against the message; some answer 200 to everything."""
    if not 200 <= status <= 299:
        return f"status {status}"
    if channel not in ("dingtalk", "feishu", "wecom"):
        return None
    try:
        answer = json.loads(body)
    except ValueError:
        return "its answer is not JSON"
    answer = answer if isinstance(answer, Mapping) else {}
    code = answer.get("errcode", answer.get("code", 0))
    return None if code == 0 else f"{answer.get('errmsg', answer.get('msg', ''))} ({code})"


def _text(call: ActionCall) -> str:
    title = call.inputs.get("title", "").strip()
    message = call.inputs["message"]
    return f"{title}\n{message}" if title else message


def _slack(call: ActionCall) -> Payload:
    return {"text": _text(call)}


def _dingtalk(call: ActionCall) -> Payload:
    return {"msgtype": "text", "text": {"content": _text(call)}}


def _feishu(call: ActionCall) -> Payload:
    return {"msg_type": "text", "content": {"text": _text(call)}}


def _webhook(call: ActionCall) -> Payload:
    assignment, github = call.attempt.run.assignment, call.attempt.run.scope.github
    return {
        "title": call.inputs.get("title", ""),
        "message": call.inputs["message"],
        "repository": github.get("repository"),
        "workflow": github.get("workflow"),
        "execution_id": str(assignment.execution_id),
        "number": assignment.number,
        "job": assignment.key,
    }


CHANNELS: Mapping[str, Callable[[ActionCall], Payload]] = {
    "webhook": _webhook,
    "slack": _slack,
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "wecom": _dingtalk,  # the same form
}
