"""Where master keys come from."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.crypto import Keyring
from app.core.sealing import KEY_FILE, MasterKeys, NoMasterKey


def test_a_key_is_made_when_it_is_needed_and_only_this_account_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    keys = MasterKeys(None, [], folder)
    assert keys.to_read() is None
    made = keys.to_write()
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert list(folder.iterdir()) == [folder / KEY_FILE]
    read = MasterKeys(None, [], folder).to_read()
    assert read is not None
    assert read.ids == made.ids == keys.to_write().ids


def test_many_at_once_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: MasterKeys(None, [], tmp_path).to_write(), range(32)))
    assert len({ring.current_id for ring in rings}) == 1


def test_a_configured_key_comes_before_the_file(tmp_path: Path) -> None:
    kept = MasterKeys(None, [], tmp_path).to_write().current_id
    ring = MasterKeys("configured", ["older"], tmp_path).to_write()
    assert ring.ids == [Keyring(["configured"]).current_id, kept, Keyring(["older"]).current_id]


def test_old_keys_alone_encrypt_nothing(tmp_path: Path) -> None:
    keys = MasterKeys(None, ["older"], tmp_path)
    assert keys.to_write().current_id != Keyring(["older"]).current_id
    with pytest.raises(NoMasterKey, match="ANSFLOW_SECURITY__SECRET_KEY"):
        MasterKeys(None, ["older"], None).to_write()


def test_a_renewed_key_is_before_those_in_the_file(tmp_path: Path) -> None:
    keys = MasterKeys(None, [], tmp_path)
    first = keys.to_write().current_id
    second = keys.renew()
    assert second.ids[1:] == [first]
    assert second.current_id != first
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_configured_key_is_renewed_by_configuring_another(tmp_path: Path) -> None:
    keys = MasterKeys("configured", [], tmp_path)
    assert keys.renew().ids == keys.renew().ids
    assert not (tmp_path / KEY_FILE).exists()
