"""Passwords: Argon2id, in a thread, a few at a time."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

T = TypeVar("T")
_HASHER = PasswordHasher()
# Each hash takes 64 MiB for a moment: a storm of log-ins must take neither all memory nor the
# threads that everybody else needs.
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="passwords")


async def hash_password(password: str) -> str:
    """The hash to store, with its parameters."""
    return await _in_thread(_HASHER.hash, password)


async def hash_of(password: SecretStr | None) -> str | None:
    """The hash of a password; None for none."""
    return None if password is None else await hash_password(password.get_secret_value())


async def verify_password(password: str, password_hash: str | None) -> bool:
    """True when the password fits.

    Without a hash it takes as long as with one, so that the time does not tell who exists.
    """
    return await _in_thread(_verify, password, password_hash)


def needs_rehash(password_hash: str) -> bool:
    """True when the parameters have been raised since."""
    return _HASHER.check_needs_rehash(password_hash)


def random_password() -> str:
    """A password for the first log-in."""
    return secrets.token_urlsafe(18)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work, *arguments)


def _verify(password: str, password_hash: str | None) -> bool:
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
