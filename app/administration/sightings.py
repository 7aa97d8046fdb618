"""Worker processes as they were last seen."""

from typing import NamedTuple

from app.administration.models import Worker


class SeenWorker(NamedTuple):
    """A worker, whether it gave a sign of life lately, and the jobs that it holds."""

    worker: Worker
    is_fresh: bool
    running: int
