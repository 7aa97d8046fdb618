"""The local workflows that a pipeline file calls, read from the folder of its repository."""

from collections.abc import Iterator
from pathlib import Path

from app.cli.pipeline_files import NotText, read_file
from app.engine.definition import Definition
from app.engine.document import load

_MAX_FILES = 256


def repository_root(path: Path) -> Path:
    """The folder that `uses: ./…` starts from: the repository of a file, else where we are."""
    for folder in (path.resolve().parent, *path.resolve().parents):
        if (folder / ".git").exists():
            return folder
    return Path.cwd()


def called_texts(definition: Definition, root: Path) -> dict[str, str]:
    """The texts of all files that a definition leads to, by the path in `uses`.

    What does not exist is left out: the plan says so, with the place of the call.
    Raises: CommandFailed when one cannot be read.
    """
    found: dict[str, str] = {}
    pending = [definition]
    while pending and len(found) < _MAX_FILES:
        for uses in _calls(pending.pop()):
            path = root / uses
            if uses not in found and path.is_file():
                text = _text(path)
                found[uses] = text
                called = load(text).definition
                pending += [called] if called is not None else []
    return found


def _calls(definition: Definition) -> Iterator[str]:
    for job in definition.jobs.values():
        if job.uses is not None and job.uses.startswith("./"):
            yield job.uses


def _text(path: Path) -> str:
    try:
        return read_file(path)
    except NotText:
        # Its own check names the place.
        return path.read_bytes().decode("utf-8", "replace")
