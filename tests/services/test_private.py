"""A private server answers, keeps its data over a stop, and is gone afterwards."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.instance import Instance, NotInstalled
from tests.services.private import MariaDB, RabbitMQ, Redis
from tests.services.probes import NotAnswering, probe

pytestmark = pytest.mark.xdist_group("private-servers")


def mariadb(server: Instance, *statements: str) -> str:
    command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{server.port}", "-uroot", "-N"]
    return _said([*command, "-e", "; ".join(statements)])


def redis(server: Instance, *words: str) -> str:
    return _said(["redis-cli", "-p", str(server.port), *words])


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  fixed


def write_and_read_mariadb(server: Instance) -> Callable[[], str]:
    mariadb(
        server,
        "CREATE DATABASE kept",
        "CREATE TABLE kept.t (a INT)",
        "INSERT INTO kept.t VALUES (42)",
    )
    return lambda: mariadb(server, "SELECT a FROM kept.t")


def write_and_read_redis(server: Instance) -> Callable[[], str]:
    redis(server, "SET", "kept", "42")
    return lambda: redis(server, "GET", "kept")


def write_and_read_rabbitmq(server: Instance) -> Callable[[], str]:
    assert isinstance(server, RabbitMQ)
    # A virtual host is durable data that the management command can make.
    server.control("add_vhost", "42")
    return lambda: "42" if "42" in server.control("-q", "list_vhosts").split() else ""


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        (MariaDB, write_and_read_mariadb),
        (Redis, write_and_read_redis),
        (RabbitMQ, write_and_read_rabbitmq),
    ],
)
def test_data_outlives_a_stop_and_the_server_does_not_outlive_the_block(
    kind: type[Instance], write: Callable[[Instance], Callable[[], str]]
) -> None:
    try:
        with kind() as server:
            read = write(server)
            server.stop()
            assert not server.is_running
            with pytest.raises(NotAnswering):
                probe(server.url)
            server.start()
            assert read() == "42"
    except NotInstalled as missing:
        pytest.skip(str(missing))
    assert not server.is_running
    assert not server.folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    assert not _survivors(server.folder)


def test_a_killed_server_starts_again_on_the_same_port() -> None:
    try:
        with Redis() as server:
            url = server.url
            server.kill()
            with pytest.raises(NotAnswering):
                probe(url)
            server.start()
            probe(url)
    except NotInstalled as missing:
        pytest.skip(str(missing))


def test_a_paused_server_keeps_connections_open_and_answers_again_when_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.services.probes.TIMEOUT_S", 0.3)
    try:
        with Redis() as server:
            server.pause()
            with pytest.raises(NotAnswering, match="timed out"):
                probe(server.url)
            server.resume()
            probe(server.url)
    except NotInstalled as missing:
        pytest.skip(str(missing))


def _survivors(folder: Path) -> list[str]:
    """Return the processes that still name a server's folder, once they had time to end."""
    deadline = time.monotonic() + 10
    while (found := _naming(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _naming(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            traces = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in traces:
                found.append((process / "comm").read_text())
    return found
