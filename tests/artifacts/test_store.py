"""The content store, in a folder and in another store that fsspec knows."""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.artifacts.store import (
    READ_SIZE,
    ContentDamaged,
    ContentMissing,
    ContentStore,
    ContentTooLarge,
    Stored,
    StoreFailed,
)
from app.core.clock import new_id


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ContentStore]:
    if request.param == "folder":
        yield ContentStore(f"file://{tmp_path}/some where/artifacts")
    else:
        yield ContentStore(f"memory://{secrets.token_hex(6)}")


def put(store: ContentStore, data: bytes) -> Stored:
    with store.create(new_id(), limit=len(data)) as writer:
        for start in range(0, len(data), 100_000):
            writer.write(data[start : start + 100_000])
        return writer.commit()


def read(store: ContentStore, stored: Stored) -> bytes:
    return b"".join(store.chunks(stored.id, size=stored.size, sha256=stored.sha256))


@pytest.mark.parametrize("size", [0, 1, READ_SIZE - 1, READ_SIZE, READ_SIZE + 1, 3 * READ_SIZE])
def test_what_was_written_is_read(store: ContentStore, size: int) -> None:
    data = secrets.token_bytes(size)
    stored = put(store, data)
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert read(store, stored) == data
    with store.open(stored.id, size=stored.size, sha256=stored.sha256) as file:
        assert file.read() == data
        file.seek(0)
        assert file.read(10) == data[:10]


def test_more_than_allowed_is_refused_and_leaves_nothing(store: ContentStore) -> None:
    id_ = new_id()
    with store.create(id_, limit=10) as writer:
        writer.write(b"12345")
        with pytest.raises(ContentTooLarge):
            writer.write(b"123456")
    with pytest.raises(ContentMissing):
        store.open(id_, size=5, sha256="")


def test_what_breaks_off_is_not_there(store: ContentStore) -> None:
    id_ = new_id()
    with store.create(id_, limit=10) as writer:
        writer.write(b"12345")
    with pytest.raises(ContentMissing, match="ANSFLOW_ARTIFACTS__URL"):
        next(store.chunks(id_, size=5, sha256=""))


@pytest.mark.parametrize("evil", [b"b" * 2 * READ_SIZE, b"a" * READ_SIZE, b"a" * 3 * READ_SIZE])
def test_a_damaged_content_never_comes_whole(store: ContentStore, evil: bytes) -> None:
    good = put(store, b"a" * 2 * READ_SIZE)
    store.delete(good.id)
    with store.create(good.id, limit=len(evil)) as writer:
        writer.write(evil)
        writer.commit()
    got: list[bytes] = []
    with pytest.raises(ContentDamaged):
        got.extend(store.chunks(good.id, size=good.size, sha256=good.sha256))
    with pytest.raises(ContentDamaged):
        store.open(good.id, size=good.size, sha256=good.sha256)
    assert len(b"".join(got)) < good.size


def test_deleting_twice_is_no_error(store: ContentStore) -> None:
    stored = put(store, b"x")
    store.delete(stored.id)
    store.delete(stored.id)
    with pytest.raises(ContentMissing):
        read(store, stored)


def test_a_folder_is_closed_to_others_and_holds_no_pieces(tmp_path: Path) -> None:
    store = ContentStore(f"file://{tmp_path}/artifacts")
    stored = put(store, b"x")
    root = tmp_path / "artifacts"
    assert root.stat().st_mode & 0o077 == 0
    (file,) = [path for path in root.rglob("*") if path.is_file()]
    assert file.name == stored.id.hex
    assert file.stat().st_mode & 0o077 == 0


def test_a_link_in_place_of_a_content_is_not_followed(tmp_path: Path) -> None:
    store = ContentStore(f"file://{tmp_path}/artifacts")
    stored = put(store, b"x")
    (file,) = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreFailed, match="cannot read"):
        read(store, stored)


def test_a_store_that_cannot_be_used_says_so_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="nonsense://host") as caught:
        ContentStore("nonsense://user:s3cret@host/path")
    assert "s3cret" not in str(caught.value)
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="cannot write"):
        ContentStore(f"file://{tmp_path}/file/below").create(new_id(), limit=1)
