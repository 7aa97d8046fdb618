"""E-mail over the SMTP server of the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

import aiosmtplib

from app.notifications.notice import Notice, one_line

_LAST = 998
"""RFC 5322: a line has at most 998 characters."""


class MailFailed(Exception):
    """The server did not take it; the text says why. `is_final`: it will not take it later."""

    def __init__(self, text: str, *, is_final: bool) -> None:
        super().__init__(text)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Mailer:
    """An SMTP server, and how to log in there."""

    host: str
    port: int
    encryption: Literal["starttls", "tls", "none"]
    username: str | None
    password: str | None
    sender: str
    timeout_s: float
    verify: bool = True

    async def send(self, recipients: Sequence[str], notice: Notice) -> str:
        """Send one message to all recipients; returns what the server said.

        Raises: MailFailed.
        """
        try:
            refused, answer = await aiosmtplib.send(
                message_of(notice, sender=self.sender, recipients=recipients),
                hostname=self.host,
                port=self.port,
                use_tls=self.encryption == "tls",
                start_tls=self.encryption == "starttls",
                username=self.username,
                password=self.password,
                timeout=self.timeout_s,
                validate_certs=self.verify,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            reasons = "; ".join(sorted({one_line(each.message) for each in error.recipients}))
            is_final = all(each.code >= 500 for each in error.recipients)
            raise MailFailed(f"all recipients refused: {reasons}", is_final=is_final) from None
        except aiosmtplib.SMTPResponseException as error:
            text = f"{error.code} {one_line(error.message)}"
            raise MailFailed(text, is_final=500 <= error.code < 600) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailFailed(f"no answer: {one_line(str(error))}", is_final=False) from None
        if refused:
            raise MailFailed(f"refused for {', '.join(sorted(refused))}", is_final=True)
        return one_line(answer)


def message_of(notice: Notice, *, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The message. Nothing in it can end a header: names come from people, and from forges."""
    message = EmailMessage()
    message["Subject"] = one_line(f"[AnsFlow] {notice.title}")[: _LAST // 4]
    message["From"] = sender
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="ansflow.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message["X-AnsFlow-Event"] = notice.event
    message.set_content(notice.text() + "\n")
    return message
