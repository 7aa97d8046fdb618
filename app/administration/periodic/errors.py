"""What can be wrong with a request about periodic work."""

from app.core.errors import NotFound


class PeriodicWorkNotFound(NotFound):
    code, title = "periodic_work_not_found", "There is no such periodic work"
