"""Does the expected server answer at an address, and does it let us in?

An open port proves little: another program may listen there, or the login may be refused. Each
probe speaks enough of the protocol to be logged in, and raises `NotAnswering` with the reason.
"""

import re
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 5.0
OLDEST_MARIADB = (10, 11)
OLDEST_MYSQL = (8, 0)


class NotAnswering(Exception):
    """No usable server is there; the text is the reason."""


class Address(NamedTuple):
    """Where a server is expected and who we are to it."""

    host: str
    port: int
    user: str
    password: str


def probe(url: str) -> None:
    """Log in at a URL (`mysql…://`, `redis://`, `amqp://`).

    Raises
    ------
    NotAnswering
        Nothing listens there, another protocol does, or the login is refused.
    """
    parts = urlsplit(url)
    speak, port = _PROTOCOLS[parts.scheme.split("+")[0]]
    address = Address(
        parts.hostname or "127.0.0.1",
        parts.port or port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
    try:
        with socket.create_connection(address[:2], timeout=TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            speak(connection, address)
    except (OSError, struct.error, IndexError, ValueError) as error:
        raise NotAnswering(f"{address.host}:{address.port}: {error or 'broken answer'}") from error


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise NotAnswering("it closed the connection")
        received += part
    return received


def _speak_mysql(connection: socket.socket, address: Address) -> None:
    _sequence, greeting = _mysql_packet(connection)
    if greeting[0] != 10:
        raise NotAnswering(f"no MySQL greeting: {greeting[:80]!r}")
    _require_version(greeting[1 : greeting.index(0, 1)].decode("ascii", "replace"))
    if address.password:
        return  # A password needs a scramble: left to the tests' own driver.
    # LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH; an empty password is no bytes.
    login = struct.pack("<IIB23x", 0x00088201, 1 << 24, 45)
    login += address.user.encode() + b"\0" + b"\0" + b"mysql_native_password\0"
    connection.sendall(_mysql_frame(1, login))
    sequence, answer = _mysql_packet(connection)
    if answer[0] == 0xFE:  # The account uses another plugin.
        reply = b"\0" if answer.startswith(b"\xfecaching_sha2") else b""
        connection.sendall(_mysql_frame(sequence + 1, reply))
        _sequence, answer = _mysql_packet(connection)
    if answer[0] != 0:
        raise NotAnswering(f"{address.user} may not log in: {answer[9:].decode(errors='replace')}")
    connection.sendall(_mysql_frame(0, b"\x01"))  # COM_QUIT: no "aborted connection" in its log.


def _require_version(version: str) -> None:
    # MariaDB may put a fake 5.5.5- in front, for old clients.
    found = re.search(r"(\d+)\.(\d+)", version.removeprefix("5.5.5-"))
    oldest = OLDEST_MARIADB if "mariadb" in version.lower() else OLDEST_MYSQL
    if not found or tuple(map(int, found.groups())) < oldest:
        raise NotAnswering(f"version {version} is older than {oldest[0]}.{oldest[1]}")


def _mysql_packet(connection: socket.socket) -> tuple[int, bytes]:
    header = _read(connection, 4)
    return header[3], _read(connection, int.from_bytes(header[:3], "little"))


def _mysql_frame(sequence: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def _speak_redis(connection: socket.socket, address: Address) -> None:
    if address.password:
        _redis_command(connection, "AUTH", *filter(None, (address.user, address.password)))
    if (answer := _redis_command(connection, "PING")) != "+PONG":
        raise NotAnswering(f"no Redis answer to PING: {answer}")
    # One logical database per concern: 1 to 6 are in use.
    if (answer := _redis_command(connection, "SELECT", "6")) != "+OK":
        raise NotAnswering(f"no Redis database 6: {answer}")


def _redis_command(connection: socket.socket, *words: str) -> str:
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    connection.sendall(request.encode())
    line = b""
    while not line.endswith(b"\r\n") and len(line) < 512:
        line += _read(connection, 1)
    return line.decode("utf-8", "replace").rstrip()


def _speak_amqp(connection: socket.socket, address: Address) -> None:
    connection.sendall(b"AMQP\0\0\x09\x01")
    if _amqp_method(connection)[0] != (10, 10):
        raise NotAnswering("no AMQP 0-9-1 greeting")
    login = f"\0{address.user}\0{address.password}".encode()
    start_ok = struct.pack(">I", 0) + b"\x05PLAIN" + struct.pack(">I", len(login)) + login
    _amqp_send(connection, 10, 11, start_ok + b"\x05en_US")
    method, limits = _amqp_method(connection)
    if method != (10, 30):
        raise NotAnswering(f"{address.user} may not log in")
    _amqp_send(connection, 10, 31, limits)  # tune-ok: its own proposal
    _amqp_send(connection, 10, 40, b"\x01/\0\0")  # open the virtual host /
    if _amqp_method(connection)[0] != (10, 41):
        raise NotAnswering(f"{address.user} may not open the virtual host /")
    _amqp_send(connection, 10, 50, struct.pack(">HBHH", 200, 0, 0, 0))  # close
    _amqp_method(connection)


def _amqp_method(connection: socket.socket) -> tuple[tuple[int, int], bytes]:
    kind, _channel, size = struct.unpack(">BHI", _read(connection, 7))
    if kind != 1:
        raise NotAnswering("no AMQP method frame")
    payload = _read(connection, size + 1)[:-1]  # The last byte marks the end of the frame.
    cls, method = struct.unpack(">HH", payload[:4])
    return (cls, method), payload[4:]


def _amqp_send(connection: socket.socket, cls: int, method: int, arguments: bytes) -> None:
    payload = struct.pack(">HH", cls, method) + arguments
    connection.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")


_PROTOCOLS: dict[str, tuple[Callable[[socket.socket, Address], None], int]] = {
    "mysql": (_speak_mysql, 3306),
    "redis": (_speak_redis, 6379),
    "amqp": (_speak_amqp, 5672),
}
