"""Redis, one database per concern. Every use has an answer for when it is away."""

from app.core.redis.checking import RedisIsUnfit, require_fit
from app.core.redis.keys import Key, Namespace
from app.core.redis.namespaces import (
    Counters,
    NamespaceClient,
    Namespaces,
    RedisAway,
    RedisOptions,
    stop_task,
)
from app.core.redis.statistics import NamespaceStatistics, statistics

__all__ = [
    "Counters",
    "Key",
    "Namespace",
    "NamespaceClient",
    "NamespaceStatistics",
    "Namespaces",
    "RedisAway",
    "RedisIsUnfit",
    "RedisOptions",
    "require_fit",
    "statistics",
    "stop_task",
]
