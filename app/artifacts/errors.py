"""What may be true of an artifact, a cache or a test when a request cannot be done."""

from app.core.errors import Conflict, NotFound, Unavailable


class ArtifactNotFound(NotFound):
    code, title = "artifact_not_found", "No such artifact"


class CacheNotFound(NotFound):
    code, title = "cache_not_found", "No such cache"


class TestNotFound(NotFound):
    code, title = "test_not_found", "No such test"


class ArtifactExists(Conflict):
    code, title = "artifact_exists", "The execution has an artifact of this name"


class ContentUnavailable(Unavailable):
    code, title = "content_unavailable", "The artifact store does not have it now"
