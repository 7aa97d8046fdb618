"""What may be true of an execution when a request cannot be done."""

from app.core.errors import Conflict, Invalid, NotFound
from app.engine.document import InvalidInputs


class ExecutionNotFound(NotFound):
    code, title = "execution_not_found", "No such execution"


class JobNotFound(NotFound):
    code, title = "job_not_found", "No such job"


class StepNotFound(NotFound):
    code, title = "step_not_found", "No such step"


class PipelineNotFound(NotFound):
    code, title = "pipeline_not_found", "No such pipeline"


class ExecutionFinished(Conflict):
    code, title = "execution_finished", "The execution has already ended"


class ExecutionUnfinished(Conflict):
    code, title = "execution_unfinished", "The execution has not ended yet"


class NothingToRerun(Conflict):
    code, title = "nothing_to_rerun", "No job of this execution failed"


class InputsNeedAllJobs(Invalid):
    code, title = "inputs_need_all_jobs", "Other inputs need all jobs to run again"


class InputsAreInvalid(Invalid):
    code, title = "invalid_inputs", "The inputs do not fit the pipeline"

    @classmethod
    def because(cls, invalid: InvalidInputs) -> "InputsAreInvalid":
        """The error that names each input and what is wrong with it."""
        problems = [
            {
                "location": ["body", "inputs", name],
                "input": name,
                "code": "invalid_input",
                "message": message,
            }
            for name, message in invalid.problems
        ]
        return cls(str(invalid), errors=problems)


class DefinitionIsInvalid(Invalid):
    code, title = "invalid_definition", "The pipeline file is invalid"


class IdempotencyKeyReused(Conflict):
    code, title = "idempotency_key_reused", "This Idempotency-Key belongs to another request"
