"""A small SMTP server and a small HTTP server, real ones, that remember what they got."""

import asyncio
import email
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.core.clock import utcnow


@dataclass
class Mail:
    """One message as the server got it."""

    sender: str
    recipients: list[str]
    content: bytes
    is_encrypted: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=default)


@dataclass
class SmtpServer:
    """Takes mail; `refuse` answers RCPT with that line instead of 250."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    refuse: str | None = None
    context: ssl.SSLContext | None = None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass
class _Conversation:
    server: SmtpServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_encrypted: bool = False
    user: str | None = None
    sender: str = ""
    recipients: list[str] = field(default_factory=list)

    async def run(self) -> None:
        self._say("220 test ESMTP")
        while line := (await self.reader.readline()).decode().strip():
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "QUIT":
                self._say("221 bye")
                await self.writer.drain()
                return
            await self._do(verb, line)
            await self.writer.drain()

    async def _do(self, verb: str, line: str) -> None:
        match verb:
            case "EHLO":
                offers = ["AUTH PLAIN LOGIN"]
                if self.server.context is not None and not self.is_encrypted:
                    offers.append("STARTTLS")
                self._say("250-test", *(f"250-{offer}" for offer in offers), "250 8BITMIME")
            case "STARTTLS":
                assert self.server.context is not None
                self._say("220 go")
                await self.writer.drain()
                await self.writer.start_tls(self.server.context)
                self.is_encrypted = True
            case "AUTH":
                self.user = line
                self._say("235 welcome")
            case "MAIL":
                self.sender, self.recipients = line, []
                self._say("250 ok")
            case "RCPT":
                self.recipients.append(line.split("<")[1].split(">")[0])
                self._say(self.server.refuse or "250 ok")
            case "DATA":
                await self._data()
            case _:
                self._say("250 ok")

    async def _data(self) -> None:
        self._say("354 go")
        await self.writer.drain()
        content = await self.reader.readuntil(b"\r\n.\r\n")
        mail = Mail(self.sender, self.recipients, content[:-5], self.is_encrypted, self.user)
        self.server.mails.append(mail)
        self._say("250 queued as 1")

    def _say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())


@asynccontextmanager
async def smtp_server(context: ssl.SSLContext | None = None) -> AsyncIterator[SmtpServer]:
    """An SMTP server on some port; with `context` it offers STARTTLS."""
    server = SmtpServer(context=context)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@dataclass
class Request:
    """One request as the server got it."""

    target: str
    headers: Mapping[str, str]
    content: bytes


@dataclass
class HttpServer:
    """Answers every POST with `status` and `answer`."""

    port: int = 0
    status: int = 200
    answer: bytes = b"{}"
    location: str | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.strip().split("\r\n")
            pairs = [line.partition(":")[::2] for line in rest]
            headers = {name.strip().lower(): value.strip() for name, value in pairs}
            content = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Request(first.split(" ")[1], headers, content))
            moved = f"Location: {self.location}\r\n" if self.location else ""
            writer.write(
                f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.answer)}\r\n{moved}"
                "Connection: close\r\n\r\n".encode()
                + self.answer
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def http_server() -> AsyncIterator[HttpServer]:
    """An HTTP server on some port."""
    server = HttpServer()
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
