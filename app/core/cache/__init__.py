"""The response cache: Redis behind, a process-local layer in front."""

from app.core.cache.answers import cached
from app.core.cache.cache import Cache, Found, Spec
from app.core.cache.hits import CacheHits, LocalHits, answer_warm
from app.core.cache.tags import Tags

__all__ = ["Cache", "CacheHits", "Found", "LocalHits", "Spec", "Tags", "answer_warm", "cached"]
