"""Random secrets, their digests, and encryption of what must be read again.

What is encrypted has a data key of its own, and that is wrapped by a master key: a new master key
wraps the data keys anew and leaves the values alone.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TOKEN_PREFIX = "ansflow_"  # noqa: S105  how secret scanners recognise our tokens


def new_token(prefix: str = TOKEN_PREFIX) -> str:
    """A new secret with 256 random bits, in letters that need no quoting."""
    return prefix + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """SHA-256 of a token, in hex: what the database keeps.

    A slow hash would add nothing: the tokens are random, not chosen by people.
    """
    return hashlib.sha256(token.encode()).hexdigest()


class CannotDecrypt(Exception):
    """What was encrypted cannot be read: the key is not there, or the bytes were changed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Something encrypted: the id of the master key, the wrapped data key, the ciphertext."""

    key_id: str
    wrapped_key: bytes
    ciphertext: bytes


class Keyring:
    """Master keys; the first one encrypts, all of them decrypt.

    Parameters: `secrets` are texts of any length that nobody can guess, from the current one to
    the oldest.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        keys = [_master_key(secret) for secret in secrets]
        self.current_id = keys[0].id
        self._keys = {key.id: key.cipher for key in reversed(keys)}

    @property
    def ids(self) -> Sequence[str]:
        """All keys by id, the current one first."""
        return list(reversed(self._keys))

    def seal(self, data: bytes, *, context: str) -> Sealed:
        """Encrypt with a new data key. `context` says what it belongs to: elsewhere it cannot be
        opened."""
        data_key = AESGCM.generate_key(256)
        return Sealed(
            self.current_id,
            _encrypt(self._keys[self.current_id], data_key, f"key of {context}"),
            _encrypt(AESGCM(data_key), data, context),
        )

    def open(self, sealed: Sealed, *, context: str) -> bytes:
        """The inverse of `seal`.

        Raises: CannotDecrypt.
        """
        return _decrypt(AESGCM(self._data_key(sealed, context)), sealed.ciphertext, context)

    def rewrap(self, sealed: Sealed, *, context: str) -> Sealed:
        """The same value, its data key wrapped by the current master key.

        Raises: CannotDecrypt.
        """
        data_key = self._data_key(sealed, context)
        # Only what can be read is worth a new key: a damaged value must be noticed now.
        _decrypt(AESGCM(data_key), sealed.ciphertext, context)
        wrapped = _encrypt(self._keys[self.current_id], data_key, f"key of {context}")
        return Sealed(self.current_id, wrapped, sealed.ciphertext)

    def _data_key(self, sealed: Sealed, context: str) -> bytes:
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise CannotDecrypt(f"the key {sealed.key_id} is not configured")
        return _decrypt(key, sealed.wrapped_key, f"key of {context}")


@dataclass(frozen=True, slots=True)
class _MasterKey:
    id: str
    cipher: AESGCM


@lru_cache(maxsize=16)
def _master_key(secret: str) -> _MasterKey:
    def derived(purpose: bytes) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())

    return _MasterKey(derived(b"ansflow key id")[:8].hex(), AESGCM(derived(b"ansflow master key")))


_NONCE_BYTES = 12


def _encrypt(cipher: AESGCM, data: bytes, context: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, context.encode())


def _decrypt(cipher: AESGCM, data: bytes, context: str) -> bytes:
    try:
        return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt("it was changed, or belongs to something else") from error
