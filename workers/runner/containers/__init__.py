"""`container` and `services` of a job: evaluated, started, waited for. What ends them is the
sandbox of the job, and the guard when the worker is gone."""

from workers.runner.containers.preparing import prepare_containers

__all__ = ["prepare_containers"]
