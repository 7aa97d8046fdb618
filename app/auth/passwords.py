"""Passwords: Argon2id, in a thread, a few at a time."""

import asyncio
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
# Each hash takes 64 MiB for a moment: a storm of log-ins must not take all memory.
_AT_ONCE = threading.BoundedSemaphore(4)


async def hash_password(password: str) -> str:
    """The hash to store, with its parameters."""
    return await asyncio.to_thread(_hash, password)


async def verify_password(password: str, password_hash: str | None) -> bool:
    """True when the password fits.

    Without a hash it takes as long as with one, so that the time does not tell who exists.
    """
    return await asyncio.to_thread(_verify, password, password_hash)


def needs_rehash(password_hash: str) -> bool:
    """True when the parameters have been raised since."""
    return _HASHER.check_needs_rehash(password_hash)


def random_password() -> str:
    """A password for the first log-in."""
    return secrets.token_urlsafe(18)


def _hash(password: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(password)


def _verify(password: str, password_hash: str | None) -> bool:
    with _AT_ONCE:
        try:
            return _HASHER.verify(password_hash or _dummy(), password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


def _dummy() -> str:
    global _DUMMY  # noqa: PLW0603  made once, at the first use: it costs a whole hash
    if _DUMMY is None:
        _DUMMY = _HASHER.hash(secrets.token_hex(16))
    return _DUMMY


_DUMMY: str | None = None
