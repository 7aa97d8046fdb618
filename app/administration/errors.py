"""What can be wrong with a request about workers."""

from app.core.errors import Conflict, NotFound


class WorkerNotFound(NotFound):
    code, title = "worker_not_found", "No such worker"


class WorkerHasStopped(Conflict):
    code, title = "worker_has_stopped", "The worker has ended"
