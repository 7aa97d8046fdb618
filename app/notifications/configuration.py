"""What the settings say about notifications."""

from app.notifications.sending import Sender
from app.notifications.sending.email import Mailer
from app.settings import Settings


def sender_of(settings: Settings) -> Sender:
    """How notifications leave."""
    return Sender(_mailer(settings), settings.security.allow_private_addresses)


def base_url(settings: Settings) -> str:
    """Where links lead."""
    server = settings.server
    return (server.base_url or f"http://{server.host}:{server.port}").rstrip("/")


def _mailer(settings: Settings) -> Mailer | None:
    smtp = settings.smtp
    if smtp.host is None:
        return None
    return Mailer(
        host=smtp.host,
        port=smtp.port,
        encryption=smtp.encryption,
        username=smtp.username,
        password=smtp.password.get_secret_value() if smtp.password else None,
        sender=smtp.sender,
        timeout_s=smtp.timeout_s,
        verify=smtp.verify,
    )
