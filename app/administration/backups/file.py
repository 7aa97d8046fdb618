"""The file: JSON lines, compressed. A head, one line a row, an end with the digest of the rest."""

import base64
import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

import zstandard
from sqlalchemy import BINARY, Column, LargeBinary

from app.core.errors import Invalid
from app.core.orm import Id, UtcDateTime

FORMAT = "ansflow-backup"
VERSION = 1
LONGEST_LINE = 64 << 20


class BackupIsDamaged(Invalid):
    code, title = "backup_damaged", "This is no whole backup of AnsFlow"


@dataclass(slots=True)
class Written:
    """What a backup has. `key_ids` are those of the master keys that its secrets need."""

    revision: str
    rows: int = 0
    sha256: str = ""
    key_ids: set[str] = field(default_factory=set)


class BackupWriter:
    """Writes a backup to `sink`, piece by piece."""

    def __init__(
        self, sink: Callable[[bytes], object], *, revision: str, created_at: datetime
    ) -> None:
        self._sink = sink
        self._compressor = zstandard.ZstdCompressor(level=6).compressobj()
        self._digest = hashlib.sha256()
        self.written = Written(revision)
        head = {"format": FORMAT, "version": VERSION, "revision": revision}
        self._line(head | {"created_at": created_at.isoformat()})

    def row(self, table: str, values: Mapping[str, Any]) -> None:
        """One row of a table."""
        self._line({"table": table, "row": {name: encoded(each) for name, each in values.items()}})
        self.written.rows += 1
        if isinstance(key_id := values.get("key_id"), str):
            self.written.key_ids.add(key_id)

    def end(self) -> Written:
        """Write the end; nothing may follow."""
        written = self.written
        written.sha256 = self._digest.hexdigest()
        tail = {"rows": written.rows, "key_ids": sorted(written.key_ids)}
        self._line({"end": tail | {"sha256": written.sha256}})
        self._sink(self._compressor.flush())
        return written

    def _line(self, value: Mapping[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._digest.update(line)
        self._sink(self._compressor.compress(line))


class BackupReader:
    """A backup whose digest is right.

    Raises: BackupIsDamaged.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.head: Mapping[str, Any] = {}
        self.end: Mapping[str, Any] = {}
        self.tables: set[str] = set()
        self._check()

    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Table and values of each row, in the order of the file."""
        for value in self._lines(hashlib.sha256()):
            if "row" in value:
                yield value["table"], value["row"]

    def _check(self) -> None:
        digest = hashlib.sha256()
        try:
            before = digest.hexdigest()
            for value in self._lines(digest):
                if self.end:
                    raise BackupIsDamaged("there is something after its end")
                self._take(value)
                if self.end and self.end["sha256"] != before:
                    raise BackupIsDamaged("its digest is another one: it was changed")
                before = digest.hexdigest()
        except (zstandard.ZstdError, ValueError, EOFError, RecursionError) as error:
            raise BackupIsDamaged(f"it cannot be read: {error}") from error
        if not self.end:
            raise BackupIsDamaged("its end is missing")

    def _take(self, value: Mapping[str, Any]) -> None:
        match value:
            case {"format": str(), "version": int(), "revision": str()} if not self.head:
                self.head = value
                if (value["format"], value["version"]) != (FORMAT, VERSION):
                    raise BackupIsDamaged("it has another format, or that of a newer version")
            case {"table": str(table), "row": dict()} if self.head:
                self.tables.add(table)
            case {"end": {"rows": int(), "sha256": str(), "key_ids": list()} as end} if self.head:
                self.end = end
            case _:
                raise BackupIsDamaged("it has a line that has no place there")

    def _lines(self, digest: Any) -> Iterator[dict[str, Any]]:
        self._source.seek(0)
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        with decompressor.stream_reader(self._source, closefd=False) as stream:
            reader = io.BufferedReader(stream)
            while line := reader.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE or not line.endswith(b"\n"):
                    raise BackupIsDamaged("it has a line without an end")
                digest.update(line)
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise BackupIsDamaged("it has a line that is no object")
                yield value


def encoded(value: Any) -> Any:
    """A value of a row as JSON has it."""
    match value:
        case uuid.UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def decoded(column: Column[Any], value: Any) -> Any:
    """The inverse of `encoded`, for a column.

    Raises: ValueError, TypeError, AttributeError when the value is none of the column's.
    """
    if value is None:
        return None
    if isinstance(column.type, Id):
        return uuid.UUID(value)
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(getattr(column.type, "impl_instance", column.type), (BINARY, LargeBinary)):
        return base64.b64decode(value, validate=True)
    return value
