"""What is kept of a response: the serialised body, its tag, and the versions it was made under."""

import json
from dataclasses import dataclass
from hashlib import blake2b

import zstandard

_COMPRESSED_FROM = 2048
_MOST = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached body. `versions` are those of its tags, read before the value was computed."""

    body: bytes
    etag: str
    versions: tuple[str, ...]

    @classmethod
    def of(cls, body: bytes, versions: tuple[str, ...]) -> "Entry":
        """The entry of a body that was computed under these versions."""
        return cls(body, f'"{blake2b(body, digest_size=12).hexdigest()}"', versions)

    def packed(self) -> bytes:
        """The form in Redis: a line of JSON, then the body, compressed when it is long."""
        is_long = len(self.body) >= _COMPRESSED_FROM
        head = {"etag": self.etag, "versions": self.versions, "zstd": is_long}
        body = zstandard.ZstdCompressor(level=1).compress(self.body) if is_long else self.body
        return json.dumps(head).encode() + b"\n" + body

    @classmethod
    def unpacked(cls, value: bytes) -> "Entry | None":
        """The inverse of `packed`; None when it is nothing of ours."""
        head, _, body = value.partition(b"\n")
        try:
            fields = json.loads(head)
            if fields["zstd"]:
                body = zstandard.ZstdDecompressor().decompress(body, max_output_size=_MOST)
            return cls(body, fields["etag"], tuple(fields["versions"]))
        except (ValueError, KeyError, TypeError, zstandard.ZstdError):
            return None
