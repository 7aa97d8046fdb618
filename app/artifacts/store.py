"""Where the contents of artifacts and caches are: a folder, or any store that fsspec knows.

A content is written once under an id of its own and never changed. It is complete before anybody
can find it: in a folder it gets its name by a rename, an object store shows nothing before the
upload ends. Everything here blocks; callers on an event loop go through a thread.
"""

import contextlib
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import fsspec
from fsspec.implementations.local import LocalFileSystem

READ_SIZE = 1 << 18


class StoreFailed(Exception):
    """The store cannot do it now; the text says what and why."""


class ContentMissing(StoreFailed):
    """The store has no such content."""


class ContentDamaged(StoreFailed):
    """The content is not what was stored: its size or its digest differs."""


class ContentTooLarge(Exception):
    """More than was allowed; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The content is larger than the {limit} bytes that are left for it.")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Stored:
    """A content that is complete. `size` is in bytes, `sha256` is hex."""

    id: uuid.UUID
    size: int
    sha256: str


class ContentWriter:
    """A content on its way; a file that is only written. Discarded unless `commit` was called."""

    def __init__(
        self, store: "ContentStore", id_: uuid.UUID, file: IO[bytes], *, limit: int
    ) -> None:
        self._store, self._id, self._file, self._limit = store, id_, file, limit
        self._digest = hashlib.sha256()
        self._size = 0
        self._is_open = True

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes.

        Raises: ContentTooLarge; StoreFailed.
        """
        length = len(data)
        if self._size + length > self._limit:
            raise ContentTooLarge(self._limit)
        with self._store.failing("write"):
            self._file.write(data)
        self._digest.update(data)
        self._size += length
        return length

    def flush(self) -> None:
        """Nothing to do before the end; archive writers ask for it."""

    def commit(self) -> Stored:
        """Make the content findable under its id.

        Raises: StoreFailed.
        """
        with self._store.failing("write"):
            self._store.finish(self._id, self._file)
        self._is_open = False
        return Stored(self._id, self._size, self._digest.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._is_open:
            self._store.discard(self._id, self._file)


class ContentStore:
    """The contents below one URL.

    Parameters: `url` as fsspec takes it (`s3://bucket/prefix`, `file:///srv/artifacts`, …); the
    packages of other stores than folders have to be installed.
    Raises: StoreFailed when nothing can be reached by this URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise StoreFailed(f"The artifact store {_shown(url)} cannot be used: {error}") from None
        self._fs: Any = fs
        self._root = str(root).rstrip("/")
        self._is_folder = isinstance(fs, LocalFileSystem)

    def create(self, id_: uuid.UUID, *, limit: int) -> ContentWriter:
        """Begin a content; `limit` is the most bytes that it may have.

        Raises: StoreFailed.
        """
        with self.failing("write"):
            path = self._path(id_)
            if self._is_folder:
                # Closed to the accounts of jobs.
                Path(self._root).mkdir(mode=0o700, parents=True, exist_ok=True)
                Path(path).parent.mkdir(mode=0o700, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                file: IO[bytes] = os.fdopen(os.open(f"{path}.part", flags, 0o600), "wb")
            else:
                file = self._fs.open(path, "wb", autocommit=False)
        return ContentWriter(self, id_, file, limit=limit)

    def open(self, id_: uuid.UUID, *, size: int, sha256: str) -> IO[bytes]:
        """A seekable file whose digest was checked.

        Raises: ContentMissing, ContentDamaged, StoreFailed.
        """
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(self._open(id_))
            # What is checked must be what is read: a folder's file stays as it is once it is open,
            # a remote one is copied.
            kept = (
                source
                if self._is_folder
                else stack.enter_context(tempfile.TemporaryFile(prefix="ansflow-"))
            )
            for data in self._checked(id_, source, size, sha256):
                if kept is not source:
                    kept.write(data)
            kept.seek(0)
            stack.pop_all()
        if kept is not source:
            source.close()
        return kept

    def chunks(self, id_: uuid.UUID, *, size: int, sha256: str) -> Iterator[bytes]:
        """The bytes in pieces. The last piece comes only when the digest of all is right.

        Raises: ContentMissing, ContentDamaged, StoreFailed.
        """
        with self._open(id_) as source:
            held = b""
            for data in self._checked(id_, source, size, sha256):
                if held:
                    yield held
                held = data
            if held:
                yield held

    def delete(self, id_: uuid.UUID) -> None:
        """Remove a content and what an upload that broke off left of it; nothing there is success.

        Raises: StoreFailed.
        """
        with self.failing("delete"):
            for path in (self._path(id_), f"{self._path(id_)}.part"):
                with contextlib.suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def finish(self, id_: uuid.UUID, file: Any) -> None:
        """Close a written file and give it its name."""
        if self._is_folder:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.rename(f"{self._path(id_)}.part", self._path(id_))
        else:
            file.close()
            file.commit()

    def discard(self, id_: uuid.UUID, file: Any) -> None:
        """Give up a written file. What cannot be removed now is removed by the next clean-up."""
        with contextlib.suppress(OSError, ValueError):
            if self._is_folder:
                os.unlink(f"{self._path(id_)}.part")
                file.close()
            else:
                file.discard()
                # Some stores know no discarding.
                self._fs.rm_file(self._path(id_))

    @contextlib.contextmanager
    def failing(self, verb: str) -> Iterator[None]:
        """Turns the errors of the store into ours."""
        try:
            yield
        except OSError as error:
            raise StoreFailed(
                f"The artifact store {_shown(self.url)} cannot {verb}: {error.strerror or error}."
            ) from error

    def _path(self, id_: uuid.UUID) -> str:
        # The last digits: the first ones of ids that were made on the same day are the same.
        return f"{self._root}/{id_.hex[-2:]}/{id_.hex}"

    def _open(self, id_: uuid.UUID) -> Any:
        try:
            if self._is_folder:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                return os.fdopen(os.open(self._path(id_), flags), "rb")
            return self._fs.open(self._path(id_), "rb")
        except FileNotFoundError:
            raise ContentMissing(
                f"The artifact store {_shown(self.url)} of this host has no content {id_}. When"
                " servers and workers are on several hosts, set ANSFLOW_ARTIFACTS__URL to a store"
                " that all of them reach."
            ) from None
        except OSError as error:
            raise StoreFailed(
                f"The artifact store {_shown(self.url)} cannot read: {error.strerror or error}."
            ) from error

    def _checked(
        self, id_: uuid.UUID, source: IO[bytes], size: int, sha256: str
    ) -> Iterator[bytes]:
        """The pieces of a content; the end comes only when size and digest are right."""
        digest = hashlib.sha256()
        read = 0
        while data := self._read(source):
            read += len(data)
            digest.update(data)
            if read > size:
                break
            if read == size and digest.hexdigest() != sha256:
                break
            yield data
        if read != size or digest.hexdigest() != sha256:
            raise ContentDamaged(f"The content {id_} is damaged: its size or its SHA-256 differs.")

    def _read(self, source: IO[bytes]) -> bytes:
        with self.failing("read"):
            return source.read(READ_SIZE)


def _shown(url: str) -> str:
    """Without the password that it may contain."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
