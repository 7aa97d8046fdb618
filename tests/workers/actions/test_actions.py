"""`sleep`, `dummy`, `http`, and the actions that are not here yet."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench
from workers.actions.addresses import is_public
from workers.runner.settings import RunnerSettings


def step(uses: str, inputs: str, more: str = "") -> str:
    return f"on: push\nsteps:\n  - uses: {uses}\n    id: it\n    with: {inputs}\n{more}"


async def test_dummy_obeys(bench: Bench) -> None:
    result = await bench.run(step("dummy", "{lines: 3, exit-code: 4}"))
    assert result.status is JobStatus.FAILURE
    assert bench.store.text(0).startswith("line 1\nline 2\nline 3\n")
    assert "exit code 4" in (bench.store.step(0).reason or "")


async def test_sleep_ends_at_a_cancel_and_at_its_time_out(bench: Bench) -> None:
    result = await bench.run(step("sleep", "{seconds: 600}", "    timeout-minutes: 0.002\n"))
    assert result.status is JobStatus.FAILURE
    assert bench.store.statuses() == ["timed_out"]
    text = "on: push\nsteps:\n  - run: echo first\n  - uses: sleep\n    with: {seconds: 600}\n"
    task = bench.start(text)
    await bench.store.until("first")
    bench.cancel.request()
    async with asyncio.timeout(30):
        assert (await task).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("uses", "inputs", "why"),
    [
        ("sleep", "{seconds: long}", "Input 'seconds' must be a number"),
        ("upload-artifact", "{path: x}", "This worker has no store"),
        ("http", "{url: 'ftp://x'}", "must begin with http"),
        ("http", "{url: 'http://127.0.0.1:1'}", "not public"),
        ("http", "{url: 'http://localhost:1'}", "not public"),
        ("http", "{url: 'http://[::ffff:10.0.0.1]:1'}", "not public"),
        ("http", "{url: 'http://x', headers: 'a b'}", "not 'Name: value'"),
        ("http", "{url: 'http://x', expected-status: ok}", "must hold codes"),
        ("http", "{url: 'http://no-such-host.invalid'}", "is not known"),
    ],
)
async def test_wrong_inputs_say_why(bench: Bench, uses: str, inputs: str, why: str) -> None:
    result = await bench.run(step(uses, inputs))
    assert result.status is JobStatus.FAILURE
    assert why in (bench.store.step(0).reason or "")
    assert why in bench.store.text(0)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104  an address to refuse
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


class Server:
    """Answers 503 until it was asked `bad` times."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.bad = 0
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.requests.append(head + await reader.readexactly(length))
            status = b"503 Busy" if len(self.requests) <= self.bad else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\nbody")
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def test_http_sends_what_it_is_told_and_gives_the_answer(
    bench: Bench, server: Server
) -> None:
    bench.settings = RunnerSettings(allow_private_addresses=True)
    server.bad = 1
    result = await bench.run(
        step(
            "http",
            f"{{url: 'http://localhost:{server.port}/p?q=1', method: post, body: 'hello',"
            " headers: 'X-One: 1', retries: 2}",
            '  - run: echo "${{ steps.it.outputs.status }} ${{ steps.it.outputs.body }}"\n',
        )
    )
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    assert bench.store.text(1) == "200 body\n"
    last = server.requests[-1].decode()
    assert last.startswith("POST /p?q=1 HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}\r\n" in last
    assert "X-One: 1\r\n" in last
    assert last.endswith("hello")


async def test_http_fails_on_another_status(bench: Bench, server: Server) -> None:
    bench.settings = RunnerSettings(allow_private_addresses=True)
    server.bad = 9
    result = await bench.run(step("http", f"{{url: 'http://127.0.0.1:{server.port}/'}}"))
    assert result.status is JobStatus.FAILURE
    assert "status 503, expected is 200-299" in (bench.store.step(0).reason or "")
