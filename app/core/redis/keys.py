"""Every key that AnsFlow writes to Redis: its namespace, name and time to live."""

from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b


class Namespace(IntEnum):
    """A concern, with the number of its database."""

    DEFAULT = 1
    CHANNELS = 2
    SESSION = 3
    API = 4
    PIPELINE = 5
    RESULTS = 6

    @property
    def label(self) -> str:
        """The name in keys, settings and statistics."""
        return self.name.lower()


DAY_S = 24 * 3600
TAG_TTL_S = DAY_S
"""Far longer than any entry lives: an entry must never outlive a tag that it was stored with."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `name` is without the prefix of the installation; `ttl_s` in seconds."""

    namespace: Namespace
    name: str
    ttl_s: float


def digest(text: str) -> str:
    """32 hexadecimal digits that stand for any text in a key."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


def cache_entry(namespace: Namespace, key: str, ttl_s: float) -> Key:
    """A cached response; `key` is route, query and scope."""
    return Key(namespace, f"entry:{digest(key)}", ttl_s)


def cache_flight(namespace: Namespace, key: str, ttl_s: float) -> Key:
    """Says that some process computes this entry now. An optimisation, never a lock."""
    return Key(namespace, f"flight:{digest(key)}", ttl_s)


def cache_tag(namespace: Namespace, tag: str) -> Key:
    """The version of a tag: a random token."""
    return Key(namespace, f"tag:{tag}", TAG_TTL_S)


def session(token_digest: str, ttl_s: float) -> Key:
    """What is known of a session, believed for a short time."""
    return Key(Namespace.SESSION, f"session:{token_digest}", ttl_s)


def socket_ticket(ticket_digest: str) -> Key:
    """A one-time ticket for a socket."""
    return Key(Namespace.DEFAULT, f"ticket:{ticket_digest}", 30)


def rate(limit: str, subject: str, window: int, window_s: float) -> Key:
    """The counter of one window of a rate limit."""
    return Key(Namespace.DEFAULT, f"rate:{limit}:{digest(subject)}:{window}", window_s * 2)
