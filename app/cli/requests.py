"""What a person asks for on the command line, checked before anything starts."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from app.cli.called_files import called_texts, repository_root
from app.cli.errors import INVALID, CommandFailed
from app.cli.pipeline_files import STANDARD_INPUT, NotText, read_file
from app.engine.definition import Definition
from app.engine.document import load
from app.engine.document.dialect.events import EVENTS
from app.engine.document.findings import near


@dataclass(frozen=True, slots=True)
class Request:
    """A run: a valid file with its called files, and what it is started with."""

    path: Path
    source: str
    files: Mapping[str, str]
    definition: Definition
    event: str
    payload: Mapping[str, Any]
    inputs: Mapping[str, str]
    secrets: Mapping[str, str]
    variables: Mapping[str, str]
    ref: str | None
    sha: str | None
    workdir: Path
    job: str | None

    @property
    def labels(self) -> set[str]:
        """All labels that its jobs may ask for."""
        texts = [self.source, *self.files.values()]
        definitions = [self.definition, *(load(text).definition for text in texts[1:])]
        return {
            label
            for definition in definitions
            if definition is not None
            for job in definition.jobs.values()
            for label in _labels(job.runs_on)
        }


def _labels(runs_on: Sequence[str] | str) -> Iterable[str]:
    given = (runs_on,) if isinstance(runs_on, str) else runs_on
    return [label for label in given if "${{" not in label]


def parse_request(
    path: Path,
    *,
    event: str,
    payload: Path | None,
    inputs: Sequence[str] = (),
    secrets: Sequence[str] = (),
    variables: Sequence[str] = (),
    ref: str | None = None,
    workdir: Path | None = None,
    job: str | None = None,
) -> Request:
    """Read the file and check everything else.

    Raises: CommandFailed with exit code 2.
    """
    source, definition = valid_file(path)
    if event not in EVENTS:
        raise CommandFailed(
            f"--event {event!r} is not an event{near(event, EVENTS)}", exit_code=INVALID
        )
    workdir = workdir or Path()
    if not workdir.is_dir():
        raise CommandFailed(f"--workdir {workdir} is no folder", exit_code=INVALID)
    root = Path.cwd() if path == STANDARD_INPUT else repository_root(path)
    return Request(
        path=path,
        source=source,
        files=called_texts(definition, root),
        definition=definition,
        event=event,
        payload={} if payload is None else _payload(payload),
        inputs=pairs(inputs, "--input"),
        secrets=_secrets(secrets),
        variables=pairs(variables, "--var"),
        ref=full_ref(ref) if ref else _git(workdir, "symbolic-ref", "--quiet", "HEAD"),
        sha=_git(workdir, "rev-parse", "--verify", "--quiet", "HEAD"),
        workdir=workdir.resolve(),
        job=_known_job(definition, job),
    )


def valid_file(path: Path) -> tuple[str, Definition]:
    """The text and the definition of a file that can run here.

    Raises: CommandFailed after all errors were printed.
    """
    try:
        source = read_file(path)
    except NotText as error:
        place = error.position
        raise CommandFailed(
            f"{path}:{place.line}:{place.column}: {error}", exit_code=INVALID
        ) from None
    loaded = load(source)
    for found in loaded.diagnostics:
        if found.severity != "notice":
            place = found.position
            typer.echo(
                f"{path}:{place.line}:{place.column}: {found.severity}: {found.message} "
                f"[{found.code}]",
                err=True,
            )
    if loaded.definition is None or loaded.errors:
        count = len(loaded.errors)
        raise CommandFailed(
            f"{path} has {count} error{'s' * (count != 1)}: nothing was run", exit_code=INVALID
        )
    return source, loaded.definition


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """NAME=VALUE options as a map; of the same name twice the last one counts.

    Raises: CommandFailed.
    """
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandFailed(
                f"{option} {text!r} is not NAME=VALUE, such as {option} color=green",
                exit_code=INVALID,
            )
        found[name] = value
    return found


def _secrets(given: Sequence[str]) -> dict[str, str]:
    """As `pairs`, but without a value it comes from the environment and from no process list."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals and name in os.environ:
            value, equals = os.environ[name], "="
        if not equals or not name:
            # The text may be the secret itself: it is not repeated.
            raise CommandFailed(
                "--secret takes NAME=VALUE, or the NAME of a variable of the environment",
                exit_code=INVALID,
            )
        found[name] = value
    return found


def _payload(path: Path) -> Mapping[str, Any]:
    try:
        payload = json.loads(path.read_bytes())
    except OSError as error:
        raise CommandFailed(
            f"--eventpath {path} cannot be read: {error.strerror}", exit_code=INVALID
        ) from None
    except ValueError as error:
        raise CommandFailed(f"--eventpath {path} is not JSON: {error}", exit_code=INVALID) from None
    if not isinstance(payload, dict):
        raise CommandFailed(
            f"--eventpath {path} must hold a JSON object, as the events of GitHub do",
            exit_code=INVALID,
        )
    return payload


def _known_job(definition: Definition, job: str | None) -> str | None:
    if job is not None and job not in definition.jobs:
        raise CommandFailed(
            f"the file has no job {job!r}; it has {', '.join(definition.jobs)}", exit_code=INVALID
        )
    return job


def full_ref(ref: str) -> str:
    """A full ref; a bare name is a branch."""
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says of a folder; None when it is no repository, or there is no git."""
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607  the git of this person
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
