"""Where chunks wait on disk while the database is away."""

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from workers.runner.ports import Chunk


@dataclass(frozen=True, slots=True)
class Spooled:
    """A chunk whose data lies in the spool file."""

    chunk: Chunk
    offset: int
    size: int


class Spool:
    """One file per job, made when it is first needed. Never the only copy of a finished chunk's
    place: order and numbers stay in memory with the queue."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._file = -1
        self._end = 0
        self._waiting = 0

    def take(self, chunk: Chunk) -> Spooled | None:
        """Write a chunk to disk; None when there is no room, the caller then waits."""
        size = len(chunk.data)
        if self._end + size > self._max_bytes:
            return None
        try:
            if self._file < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
            if os.pwrite(self._file, chunk.data, self._end) != size:
                return None
        except OSError:
            # A full disk: the process waits, nothing is lost.
            return None
        spooled = Spooled(replace(chunk, data=b""), self._end, size)
        self._end += size
        self._waiting += 1
        return spooled

    def read(self, spooled: Spooled) -> Chunk:
        """The chunk as it was."""
        data = os.pread(self._file, spooled.size, spooled.offset)
        return replace(spooled.chunk, data=data)

    def delivered(self) -> None:
        """One spooled chunk is stored; after the last one the file begins anew."""
        self._waiting -= 1
        if self._waiting == 0:
            self._end = 0
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Remove the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
