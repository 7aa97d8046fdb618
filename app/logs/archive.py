"""The archive of logs: files of chunks, in a folder or any store that fsspec knows.

A file is written once under an id of its own and never changed. Everything in `LogStore` blocks;
callers on an event loop go through a thread.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from weakref import WeakKeyDictionary

import fsspec
from fsspec.implementations.local import LocalFileSystem

from app.core.db import AsyncSession, Database, ReadSession
from app.core.errors import Unavailable
from app.core.log_chunks import ChunkIsDamaged


class LogStore:
    """The files below one URL.

    Parameters: `url` as fsspec takes it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[Any, str] | None = None

    @contextlib.contextmanager
    def writing(self, id_: uuid.UUID) -> Iterator[IO[bytes]]:
        """A new file. It gets its name when the block ends well, complete and on the disk.

        Raises: Unavailable.
        """
        with self._failing("write"):
            fs, path = self._path(id_)
            part = f"{path}.part"
            if isinstance(fs, LocalFileSystem):
                # Closed to the accounts of jobs.
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with os.fdopen(
                    os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
                ) as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(part, path)
            else:
                with fs.open(part, "wb") as file:
                    yield file
                fs.mv(part, path)

    def read(self, id_: uuid.UUID, slices: Sequence[tuple[int, int]]) -> list[bytes]:
        """Parts of a file, each by offset and length in bytes.

        Raises: ChunkIsDamaged when there is no such file; Unavailable.
        """
        try:
            with self._failing("read"):
                fs, path = self._path(id_)
                with fs.open(path, "rb") as file:
                    return [self._slice(file, *each) for each in slices]
        except FileNotFoundError:
            raise ChunkIsDamaged(
                f"the archive of logs of this host has no file {id_}: set ANSFLOW_ARTIFACTS__URL to"
                " a store that all servers and workers reach"
            ) from None

    def delete(self, id_: uuid.UUID) -> None:
        """Remove a file and what is left of one that broke off; nothing there is success.

        Raises: Unavailable.
        """
        with self._failing("delete"):
            fs, path = self._path(id_)
            for each in (path, f"{path}.part"):
                with contextlib.suppress(FileNotFoundError):
                    fs.rm_file(each)

    def _slice(self, file: Any, offset: int, length: int) -> bytes:
        file.seek(offset)
        data: bytes = file.read(length)
        return data

    def _path(self, id_: uuid.UUID) -> tuple[Any, str]:
        if self._opened is None:
            fs, root = fsspec.core.url_to_fs(self.url)
            self._opened = fs, str(root).rstrip("/")
        fs, root = self._opened
        return fs, f"{root}/{id_.hex[-2:]}/{id_.hex}"

    @contextlib.contextmanager
    def _failing(self, verb: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, ValueError, ImportError) as error:
            raise Unavailable(f"the archive of logs cannot {verb}: {error}") from error


_STORES: WeakKeyDictionary[Any, LogStore] = WeakKeyDictionary()


def attach(database: Database, store: LogStore) -> None:
    """From now on, archived logs of this database are read from `store`."""
    _STORES[database.engine.dialect] = store


def store_of(session: AsyncSession | ReadSession) -> LogStore:
    """The archive of the database of this session.

    Raises: Unavailable when there is none in this process.
    """
    # The dialect: an engine for reading is another engine, with the same one.
    store = _STORES.get(session.get_bind().dialect)
    if store is None:
        raise Unavailable("this process has no archive of logs")
    return store
