"""A small forge: a real HTTP server that keeps what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol


@dataclass
class Call:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any


@dataclass
class Answer:
    """What a forge answers."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Api(Protocol):
    """A part of a forge's API; None: the path is of another part."""

    def answer(self, call: Call) -> Answer | None: ...


@dataclass
class FakeForge:
    """`answers` are the statuses of the next answers, which have `headers`; afterwards all is well.
    `hooks` are those that it lists, `api` what else it can."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hooks: list[Any] = field(default_factory=list)
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    api: Api | None = None

    def answer(self, call: Call) -> Answer:
        """What is answered to a call."""
        if self.answers:
            headers = dict(self.headers)
            if self.location is not None:
                headers["Location"] = self.location
            return Answer(self.answers.pop(0), b"{}", headers)
        found = None if self.api is None else self.api.answer(call)
        listed = self.hooks if call.method == "GET" else {}
        return found or Answer(content=json.dumps(listed).encode())

    def bodies(self) -> list[Any]:
        """What was sent."""
        return [call.json for call in self.calls if call.method == "POST"]


@contextmanager
def forge_running() -> Iterator[FakeForge]:
    """A forge for the time of a test."""
    forge = FakeForge()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            sent = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, sent)
            forge.calls.append(call)
            answer = forge.answer(call)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815  names of the base class

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
