"""Checks the files of a version before anything is stored."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.definition import Definition, Diagnostic
from app.engine.document import load
from app.engine.plan import InvalidPlan, called_files
from app.engine.plan.called import check_called
from app.pipelines.errors import InvalidPipeline

Found = tuple[str | None, Diagnostic]
"""A finding and the called file that it is in; None: the pipeline's own file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Files that may be stored. `files` are the called workflows by the path in `uses`."""

    source: str
    files: Mapping[str, str]
    definition: Definition
    notices: tuple[Found, ...]

    @property
    def digest(self) -> str:
        """SHA-256 that is the same exactly for the same content."""
        content = json.dumps([self.source, sorted(self.files.items())], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


async def inspect_in_thread(
    source: str, files: Mapping[str, str]
) -> tuple[Definition | None, tuple[Found, ...]]:
    """As `inspect`, in a thread: a large file takes a while."""
    return await asyncio.to_thread(inspect, source, files)


async def check(source: str, files: Mapping[str, str]) -> Checked:
    """Check the files of a version.

    Raises: InvalidPipeline with all findings.
    """
    definition, found = await inspect_in_thread(source, files)
    if definition is None:
        raise _invalid(found)
    return Checked(source, dict(files), definition, found)


def inspect(source: str, files: Mapping[str, str]) -> tuple[Definition | None, tuple[Found, ...]]:
    """The definition, None when anything is wrong in any file, and all findings."""
    texts: dict[str | None, str] = {None: source}
    texts.update(files)
    loaded = {path: load(text) for path, text in texts.items()}
    found = [(path, each) for path, result in loaded.items() for each in result.diagnostics]
    definitions = {path: each.definition for path, each in loaded.items() if not each.errors}
    own = definitions.get(None)
    if own is None or len(definitions) < len(loaded):
        return None, tuple(found)
    try:
        others = {path: each for path, each in definitions.items() if path and each}
        check_called(called_files(own, others))
    except InvalidPlan as error:
        wrong = Diagnostic("error", "invalid_call", error.message, error.position)
        return None, (*found, (_file_of(error.path, own, definitions), wrong))
    return own, tuple(found)


def _file_of(
    call_path: tuple[str, ...],
    own: Definition,
    definitions: Mapping[str | None, Definition | None],
) -> str | None:
    """The file that a path of calling jobs leads to."""
    path, definition = None, own
    for job_id in call_path:
        path = definition.jobs[job_id].uses
        definition = definitions[path] or own
    return path


def _invalid(found: tuple[Found, ...]) -> InvalidPipeline:
    errors = [(path, each) for path, each in found if each.severity == "error"]
    path, first = errors[0]
    where = f"{path}, " if path else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    place = f"{where}line {first.position.line}, column {first.position.column}"
    return InvalidPipeline(
        f"{place}: {first.message}{more}", errors=[_field_error(*each) for each in errors]
    )


def _field_error(path: str | None, found: Diagnostic) -> dict[str, object]:
    return {
        "line": found.position.line,
        "column": found.position.column,
        "path": path,
        "code": found.code,
        "message": found.message,
    }
