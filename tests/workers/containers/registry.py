"""A registry on the loopback address that serves one image to whoever knows the password."""

import base64
import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "robot", "pa$$ \"word'"
WANTED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def contents_of(saved: Path) -> dict[str, bytes]:
    """What the registry serves, by the end of its address, of an image that was saved."""
    with tarfile.open(saved) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        (image,) = json.loads(read("manifest.json"))
        config, layers = read(image["Config"]), [read(name) for name in image["Layers"]]
    described = [
        {"mediaType": kind, "size": len(blob), "digest": digest(blob)}
        for kind, blob in ((_CONFIG, config), *((_LAYER, layer) for layer in layers))
    ]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": described[0],
            "layers": described[1:],
        }
    ).encode()
    blobs = {f"blobs/{digest(blob)}": blob for blob in (config, *layers)}
    return {"manifests/1": manifest, f"manifests/{digest(manifest)}": manifest, **blobs}


class Registry(ThreadingHTTPServer):
    """Parameters: `contents` is what `contents_of` gives."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = contents


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != WANTED:
            self.answer(401, b"{}", ("WWW-Authenticate", 'Basic realm="test"'))
            return
        name = "/".join(self.path.split("/")[-2:])
        content = b"{}" if self.path == "/v2/" else self.server.contents.get(name)
        if content is None:
            self.answer(404, b"{}")
            return
        kind = _MANIFEST if name.startswith("manifests") else "application/octet-stream"
        self.answer(200, content, ("Docker-Content-Digest", digest(content)), kind=kind)

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(
        self, code: int, content: bytes, *headers: tuple[str, str], kind: str = "text/plain"
    ) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is printed."""


@contextmanager
def registry(saved: Path) -> Iterator[str]:
    """Serve; the name of the image."""
    server = Registry(contents_of(saved))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/private:1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
