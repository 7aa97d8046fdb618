"""When the worker's own code fails: what the job says of it, and what is kept of its log."""

from pathlib import Path

from app.core.logging import logger
from workers.runner.logsink import LogSummary, StepLog
from workers.runner.ports import Replaced

log = logger(__name__)

_ROOT = Path(__file__).parents[2]


def internal_error(error: BaseException) -> str:
    """What people are told: the kind of the error and where it came from in AnsFlow.

    Not its text, in which there may be a secret; that is in the log of the worker.
    """
    return (
        f"internal_error: {type(error).__name__}{_place(error)}; "
        "the log of the worker has the details"
    )


def _place(error: BaseException) -> str:
    place, step = "", error.__traceback__
    while step is not None:
        file = Path(step.tb_frame.f_code.co_filename)
        if file.is_relative_to(_ROOT) and "site-packages" not in file.parts[len(_ROOT.parts) :]:
            place = f" at {file.relative_to(_ROOT)}:{step.tb_lineno}"
        step = step.tb_next
    return place


async def end_log(step_log: StepLog, error: BaseException) -> LogSummary | None:
    """End the log of a step with a line about `error`; None when the log itself is what fails.

    Raises:
        Replaced: the claim is lost.
    """
    try:
        await step_log.note(f"##[error]{internal_error(error)}")
        return await step_log.close()
    except Replaced:
        step_log.abandon()
        raise
    except Exception:
        log.exception("log_not_ended")
        step_log.abandon()
        return None
