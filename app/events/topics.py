"""Names of topics: the only place that spells them.

`execution`, `log` and `user` topics are replayable: what they carry has a durable number. The
others carry state. Control topics are between processes and never reach a socket.
"""

from uuid import UUID

SYSTEM = "system"
CANCELS = "control:cancels"
TAGS = "control:tags"
RIGHTS = "control:rights"


def execution(execution_id: UUID) -> str:
    """Events of one execution, numbered by `execution_events.seq`."""
    return f"execution:{execution_id}"


def job_log(job_id: UUID) -> str:
    """Log lines of one job, numbered per step attempt."""
    return f"job:{job_id}:log"


def user(user_id: UUID) -> str:
    """Notifications of one person, numbered per person."""
    return f"user:{user_id}"


def pipeline(pipeline_id: UUID) -> str:
    """The state of one pipeline."""
    return f"pipeline:{pipeline_id}"


def project(project_id: UUID) -> str:
    """The state of all pipelines of one project."""
    return f"project:{project_id}"
