"""E-mail for `notify`: over the SMTP server that the step names."""

import asyncio
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from workers.actions.addresses import resolve
from workers.actions.base import ActionCall, ActionFailed

TIMEOUT_S = 30.0
_ADDRESS = re.compile(r"[^\s@<>,]+@[^\s@<>,]+")


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server. `address` is what `host` was found to be, once."""

    host: str
    address: str
    port: int
    is_encrypted: bool
    user: str
    password: str


async def send_mail(call: ActionCall) -> None:
    """Send the message of a `notify` step.

    Raises:
        ActionFailed: an input is missing or wrong, or the server refuses.
    """
    message = _message(call)
    server = await _server(call)
    try:
        await asyncio.to_thread(_send, server, message)
    except (smtplib.SMTPException, OSError) as error:
        raise ActionFailed(f"The mail server did not take the message: {error}.") from None


def _message(call: ActionCall) -> EmailMessage:
    to = [part for part in re.split(r"[\s,]+", call.inputs.get("to", "")) if part]
    sender = call.inputs.get("from", "").strip()
    for name, addresses in (("to", to), ("from", [sender])):
        if not addresses or not all(_ADDRESS.fullmatch(address) for address in addresses):
            raise ActionFailed(f"Input {name!r} must hold e-mail addresses for channel email.")
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(to)
    title = " ".join(call.inputs.get("title", "").split())
    github = call.attempt.run.scope.github
    message["Subject"] = (
        title or f"{github.get('workflow', '')} #{call.attempt.run.assignment.number}"
    )
    message.set_content(call.inputs["message"])
    return message


async def _server(call: ActionCall) -> Server:
    url = urlsplit(call.inputs.get("url", "").strip())
    try:
        port = url.port
    except ValueError:
        port = 0
    if url.scheme not in ("smtp", "smtps") or not url.hostname or port == 0:
        raise ActionFailed(
            "Input 'url' must be smtp://USER:PASSWORD@HOST:PORT, or smtps://, for channel email."
        )
    is_encrypted = url.scheme == "smtps"
    port = port or (465 if is_encrypted else 587)
    allow = call.attempt.run.settings.allow_private_addresses
    address = await resolve(url.hostname, port, allow_private=allow)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return Server(url.hostname, address, port, is_encrypted, user, password)


def _send(server: Server, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if server.is_encrypted:
        client: smtplib.SMTP = smtplib.SMTP_SSL(timeout=TIMEOUT_S, context=context)
    else:
        client = smtplib.SMTP(timeout=TIMEOUT_S)
    # The certificate is for the name, the connection goes to the address that was checked.
    client._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001  no other way to say so
    client.connect(server.address, server.port)
    with client:
        client.ehlo()
        if not server.is_encrypted and client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo()
        if server.user:
            client.login(server.user, server.password)
        refused = client.send_message(message)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)
