"""Envelope encryption: what is opened is what was sealed, or nothing."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.crypto import CannotDecrypt, Keyring, Sealed

OLD, NEW = "old secret", "new secret"


@pytest.fixture
def sealed() -> Sealed:
    return Keyring([OLD]).seal(b"hunter2", context="secrets:1")


def test_what_was_sealed_is_opened(sealed: Sealed) -> None:
    assert Keyring([OLD]).open(sealed, context="secrets:1") == b"hunter2"
    assert b"hunter2" not in sealed.ciphertext + sealed.wrapped_key


def test_the_same_value_is_never_sealed_to_the_same_bytes(sealed: Sealed) -> None:
    again = Keyring([OLD]).seal(b"hunter2", context="secrets:1")
    assert again.key_id == sealed.key_id
    assert again.ciphertext != sealed.ciphertext
    assert again.wrapped_key != sealed.wrapped_key


def test_it_opens_only_where_it_belongs(sealed: Sealed) -> None:
    with pytest.raises(CannotDecrypt):
        Keyring([OLD]).open(sealed, context="secrets:2")


@pytest.mark.parametrize("column", ["wrapped_key", "ciphertext"])
@pytest.mark.parametrize("place", [0, 12, -1])
def test_a_changed_bit_is_noticed(sealed: Sealed, column: str, place: int) -> None:
    data = bytearray(getattr(sealed, column))
    data[place] ^= 1
    changed: dict[str, Any] = {column: bytes(data)}
    with pytest.raises(CannotDecrypt):
        Keyring([OLD]).open(replace(sealed, **changed), context="secrets:1")


@pytest.mark.parametrize("column", ["wrapped_key", "ciphertext"])
def test_a_cut_value_is_noticed(sealed: Sealed, column: str) -> None:
    for length in (0, 5, 20):
        cut = replace(sealed, **{column: getattr(sealed, column)[:length]})
        with pytest.raises(CannotDecrypt):
            Keyring([OLD]).open(cut, context="secrets:1")


def test_without_the_key_its_id_is_told(sealed: Sealed) -> None:
    with pytest.raises(CannotDecrypt, match=sealed.key_id):
        Keyring([NEW]).open(sealed, context="secrets:1")


def test_old_keys_open_and_the_first_one_seals(sealed: Sealed) -> None:
    both = Keyring([NEW, OLD])
    assert both.open(sealed, context="secrets:1") == b"hunter2"
    assert both.ids == [Keyring([NEW]).current_id, Keyring([OLD]).current_id]
    assert both.seal(b"x", context="y").key_id == both.current_id == both.ids[0]


def test_rewrapped_it_needs_only_the_new_key(sealed: Sealed) -> None:
    rewrapped = Keyring([NEW, OLD]).rewrap(sealed, context="secrets:1")
    assert rewrapped.ciphertext == sealed.ciphertext
    assert Keyring([NEW]).open(rewrapped, context="secrets:1") == b"hunter2"
    with pytest.raises(CannotDecrypt):
        Keyring([OLD]).open(rewrapped, context="secrets:1")


def test_what_is_damaged_is_not_rewrapped(sealed: Sealed) -> None:
    damaged = replace(sealed, ciphertext=sealed.ciphertext[:-1])
    with pytest.raises(CannotDecrypt):
        Keyring([NEW, OLD]).rewrap(damaged, context="secrets:1")
