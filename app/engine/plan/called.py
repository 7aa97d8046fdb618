"""The files that calls lead to: found, checked, and bounded before anything runs."""

from collections.abc import Mapping
from typing import Final

from app.engine.definition import Definition, Job, Position

MAX_NESTING: Final = 10
MAX_CALLS: Final = 256


class InvalidPlan(Exception):
    """A pipeline that cannot be planned. `position` is in the file that `path` leads to."""

    def __init__(self, message: str, position: Position, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.path = path


Files = Mapping[tuple[str, ...], Definition]


def called_files(
    definition: Definition, files: Mapping[str, Definition]
) -> dict[tuple[str, ...], Definition]:
    """The definitions by call path: `()` is the file itself, `("deploy",)` what `deploy` uses.

    Parameters:
        files: definitions by the path that `uses` names, such as `./.github/workflows/x.yml`.

    Raises:
        InvalidPlan: a file is missing, or calls go round in a circle, too deep or too wide.
    """
    found: dict[tuple[str, ...], Definition] = {(): definition}
    pending: list[tuple[tuple[str, ...], tuple[str, ...]]] = [((), ())]
    for path, stack in pending:
        for job in found[path].jobs.values():
            if job.uses is None:
                continue
            called = _called(job, files, path, stack)
            found[(*path, job.id)] = called
            pending.append(((*path, job.id), (*stack, job.uses)))
            if len(found) > MAX_CALLS:
                message = f"the calls lead to more than {MAX_CALLS} files in all"
                raise InvalidPlan(message, job.position, path)
    return found


def _called(
    job: Job, files: Mapping[str, Definition], path: tuple[str, ...], stack: tuple[str, ...]
) -> Definition:
    uses = job.uses or ""
    if uses in stack:
        circle = " → ".join((*stack[stack.index(uses) :], uses))
        message = f"the job `{job.id}` calls a file that leads back to it: {circle}"
        raise InvalidPlan(message, job.position, path)
    if len(path) >= MAX_NESTING:
        message = f"the job `{job.id}` calls `{uses}` more than {MAX_NESTING} levels deep"
        raise InvalidPlan(message, job.position, path)
    called = files.get(uses)
    if called is None:
        known = ", ".join(f"`{name}`" for name in sorted(files)) or "none"
        message = f"the job `{job.id}` uses `{uses}`, which does not exist; known files: {known}"
        raise InvalidPlan(message, job.position, path)
    return called


def check_called(files: Files) -> None:
    """Refuse calls that lead nowhere, or that do not pass what the called file requires.

    Parameters:
        files: definitions by call path.

    Raises:
        InvalidPlan: the first such call.
    """
    for path, definition in files.items():
        for job in definition.jobs.values():
            if job.uses is None:
                continue
            called = files.get((*path, job.id))
            if called is None:
                message = f"the job `{job.id}` uses `{job.uses}`, which does not exist"
                raise InvalidPlan(message, job.position, path)
            _check_passed(job, called, path)


def _check_passed(job: Job, called: Definition, path: tuple[str, ...]) -> None:
    if all(event.event != "workflow_call" for event in called.on.events):
        message = f"the job `{job.id}` uses `{job.uses}`, which has no `workflow_call` under `on`"
        raise InvalidPlan(message, job.position, path)
    inputs = {one.name: one.required and one.default is None for one in called.on.call_inputs}
    secrets = {one.name: one.required for one in called.on.call_secrets}
    _check_names(job, "with", "input", job.with_, inputs, path)
    if job.secrets != "inherit":
        _check_names(job, "secrets", "secret", job.secrets, secrets, path)


def _check_names(
    job: Job,
    key: str,
    noun: str,
    passed: Mapping[str, object],
    declared: Mapping[str, bool],
    path: tuple[str, ...],
) -> None:
    # Names are compared without case, as everywhere in the language.
    known = {name.casefold() for name in declared}
    given = {name.casefold() for name in passed}
    unknown = [name for name in passed if name.casefold() not in known]
    missing = [
        name for name, required in declared.items() if required and name.casefold() not in given
    ]
    if unknown:
        accepted = ", ".join(f"`{name}`" for name in declared) or "none"
        message = f"`{job.uses}` has no {noun} `{unknown[0]}`; it accepts: {accepted}"
    elif missing:
        message = f"`{job.uses}` requires the {noun} `{missing[0]}`"
    else:
        return
    raise InvalidPlan(f"`{key}` of the job `{job.id}`: {message}", job.position, path)
