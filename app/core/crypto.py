"""Random secrets and their digests."""

import hashlib
import secrets

TOKEN_PREFIX = "ansflow_"  # noqa: S105  how secret scanners recognise our tokens


def new_token(prefix: str = TOKEN_PREFIX) -> str:
    """A new secret with 256 random bits, in letters that need no quoting."""
    return prefix + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """SHA-256 of a token, in hex: what the database keeps.

    A slow hash would add nothing: the tokens are random, not chosen by people.
    """
    return hashlib.sha256(token.encode()).hexdigest()
