"""What pipeline files are read from: git, or the API of a forge."""

from collections.abc import Sequence
from typing import Protocol

MAX_FILES = 100
MAX_FILE = 1 << 20
MAX_PATH = 255
"""How many pipeline files a repository may have, how many bytes each, how long their paths."""


class SourceFailed(Exception):
    """The repository cannot be read; the text says why, without credentials."""


class TooLarge(SourceFailed):
    """A file has more bytes than a pipeline file may have."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is larger than {MAX_FILE >> 20} MiB")


class Source(Protocol):
    """A repository that can be read. Every method raises SourceFailed."""

    async def fetch(self, ref: str, sha: str | None) -> str:
        """The id of the commit `sha`, which must be there, or of the one that `ref` is at."""

    async def files(self, commit: str, folders: Sequence[str]) -> list[str]:
        """The paths of the pipeline files in the first of the folders that exists."""

    async def read(self, commit: str, path: str) -> bytes | None:
        """The content of a file; None when there is no such file. Raises also TooLarge."""

    async def message(self, commit: str) -> str:
        """The text of a commit."""

    async def changed(self, before: str, after: str, *, since_fork: bool) -> tuple[str, ...]:
        """The files that differ between two commits; `since_fork`: what `after` changed since
        their last common commit, as for a pull request."""


def is_pipeline(path: str) -> bool:
    """Whether a file in a folder of pipelines is one."""
    return path.endswith((".yml", ".yaml")) and len(path) <= MAX_PATH
