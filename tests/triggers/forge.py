"""A small forge: a real HTTP server that keeps what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Call:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any


@dataclass
class FakeForge:
    """`answers` are the statuses of the next answers; afterwards all is well. `hooks` are those
    that it lists."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hooks: list[Any] = field(default_factory=list)
    location: str | None = None

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
            forge.calls.append(Call(self.command, self.path, headers, sent))
            status = forge.answers.pop(0) if forge.answers else 200
            content = json.dumps(forge.hooks if self.command == "GET" else {}).encode()
            self.send_response(status)
            if forge.location is not None:
                self.send_header("Location", forge.location)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815  names of the base class

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
