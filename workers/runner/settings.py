"""What a worker may set about running jobs."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from workers.runner.logsink import MAX_LOG_BYTES


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Times are in seconds.

    `grace_s`: between TERM and KILL. `cleanup_s`: for all `always()` steps together after a cancel
    or the time-out of the job. `pass_on`: variables of the worker that jobs get besides the
    standard ones. `allow_private_addresses`: whether the `http` action may call them.
    `containers`: whether jobs may have them, `unrestricted` also such that reach the host.
    `clock_offset`: the database's clock minus this host's.
    """

    worker_name: str = "ansflow"
    grace_s: float = 10.0
    cleanup_s: float = 300.0
    max_log_bytes: int = MAX_LOG_BYTES
    max_spool_bytes: int = 1 << 30
    pass_on: tuple[str, ...] = ()
    allow_private_addresses: bool = False
    containers: Literal["off", "on", "unrestricted"] = "on"
    clock_offset: timedelta = timedelta()

    def now_ns(self) -> int:
        """The time that lines of logs get: by the database's clock."""
        return time.time_ns() + self.clock_offset // timedelta(microseconds=1) * 1000
