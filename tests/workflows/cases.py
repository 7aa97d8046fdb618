"""The pipeline files of this folder: how each is started, and what is expected of it.

A file ends with a comment that begins with `# ---`; what follows is YAML:

    trigger:  event, ref, sha, payload, inputs, variables, secrets; `site: NAME` hands the
              address of the repository over as that input; `cancel: {job, step}` cancels once
              that step runs
    status:   of the execution (`success` by default)
    reason:   a part of the execution's reason
    title:    of the execution
    jobs:     every job by its key; see `Expected`
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.cli.called_files import called_texts
from app.engine.definition import Definition
from app.engine.document import require
from app.engine.document.compose import compose
from app.engine.document.nodes import plain

FOLDER: Final = Path(__file__).parent
_MARK: Final = "# ---\n"
_TRIGGER: Final[Mapping[str, Any]] = {
    "event": "workflow_dispatch",
    "ref": None,
    "sha": None,
    "payload": {},
    "inputs": {},
    "variables": {},
    "secrets": {},
    "site": None,
    "cancel": None,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One file. `files` are the workflows that it calls, by the path in `uses`."""

    name: str
    source: str
    definition: Definition
    files: Mapping[str, str]
    trigger: Mapping[str, Any]
    expected: Mapping[str, Any] = field(repr=False)

    def inputs(self, site: Path) -> dict[str, Any]:
        """The inputs of the trigger, with the address of the repository where it is wanted."""
        wanted = self.trigger["site"]
        return {**self.trigger["inputs"], **({wanted: f"file://{site}"} if wanted else {})}

    @property
    def needs_more_than_http(self) -> bool:
        """Whether it starts with something that a manual trigger cannot hand over."""
        trigger = self.trigger
        is_manual = trigger["event"] == "workflow_dispatch"
        return not is_manual or bool(trigger["payload"] or trigger["variables"])


def paths() -> list[Path]:
    """The files, in order of their names."""
    return sorted(FOLDER.glob("*.yml"))


def expectation(source: str) -> dict[str, Any]:
    """What the comment at the end of a file says."""
    _, mark, comment = source.rpartition(_MARK)
    assert mark, f"it does not say what is expected of it:\n{source}"
    text = "".join(line.removeprefix("#").removeprefix(" ") for line in comment.splitlines(True))
    return dict(plain(compose(text).root))


def read(path: Path) -> Case:
    """A file with its expectations; an unknown word in these is an error of the file."""
    source = path.read_text()
    told = expectation(source)
    trigger = told.pop("trigger", {})
    assert trigger.keys() <= _TRIGGER.keys(), f"{path}: trigger {sorted(trigger)}"
    definition = require(source)
    return Case(
        path.stem,
        source,
        definition,
        called_texts(definition, FOLDER / "repository"),
        {**_TRIGGER, **trigger},
        told,
    )


@contextmanager
def open_site() -> Iterator[Path]:
    """A git repository with the folder `repository` and all files, readable by every account."""
    # Not `tmp_path`: pytest makes that 0700, and jobs of root run as other accounts.
    folder = Path(tempfile.mkdtemp(prefix="ansflow-test-"))
    folder.chmod(0o711)
    try:
        yield _make_site(folder / "site")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_site(site: Path) -> Path:
    shutil.copytree(FOLDER / "repository", site)
    for path in paths():
        shutil.copy(path, site)
    git = ("git", "-C", str(site), "-c", "user.name=Test", "-c", "user.email=test@example.org")
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "All of it"),
    ):
        subprocess.run([*git, *arguments], check=True)  # noqa: S603  fixed arguments
    for path in (site, *site.rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    return site
