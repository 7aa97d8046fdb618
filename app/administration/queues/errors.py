"""What can be wrong with a request about queues."""

from app.core.errors import NotFound


class QueueNotFound(NotFound):
    code, title = "queue_not_found", "There is no such queue"
