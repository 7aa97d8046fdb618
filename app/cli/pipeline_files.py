"""Pipeline files on disk: where they are, reading them, checking them."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from app.cli.errors import INVALID, CommandFailed
from app.engine.definition import Diagnostic, Position
from app.engine.document import load

STANDARD_INPUT: Final = Path("-")
FOLDERS: Final = (".ansflow", ".github/workflows")
MAX_BYTES: Final = 16 * 1024 * 1024


class NotText(Exception):
    """The file is not UTF-8; `position` is where it stops being so."""

    def __init__(self, position: Position) -> None:
        super().__init__("this byte is not UTF-8; pipeline files are UTF-8 text")
        self.position = position


def pipeline_files(given: Iterable[Path]) -> list[Path]:
    """The files to look at, each once.

    Raises: CommandFailed when one does not exist or a folder has none.
    """
    return list(dict.fromkeys(path for each in given for path in _files_of(each)))


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _files_in(path)
    elif path == STANDARD_INPUT or path.exists():
        yield path
    else:
        raise CommandFailed(f"{path} does not exist", exit_code=INVALID)


def _files_in(folder: Path) -> list[Path]:
    # A folder that holds pipelines itself may be named as well as the one above it.
    for candidate in (*(folder / name for name in FOLDERS), folder):
        found = sorted(
            path for path in candidate.glob("*.y*ml") if path.suffix in (".yml", ".yaml")
        )
        if found:
            return found
    raise CommandFailed(
        f"{folder} has no pipeline files: there is none in {' or '.join(FOLDERS)}; name a file",
        exit_code=INVALID,
    )


def read_file(path: Path) -> str:
    """The text of a pipeline file.

    Raises: CommandFailed when it cannot be read or is over 16 MiB; NotText.
    """
    try:
        if path == STANDARD_INPUT:
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandFailed(
            f"{path} cannot be read: {error.strerror or error}", exit_code=INVALID
        ) from None
    if len(content) > MAX_BYTES:
        raise CommandFailed(f"{path} is over 16 MiB: no pipeline file", exit_code=INVALID)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise NotText(Position(line, column)) from None


def lint_file(path: Path) -> tuple[Diagnostic, ...]:
    """What is to be said about a file.

    Raises: CommandFailed when it cannot be read.
    """
    try:
        return load(read_file(path)).diagnostics
    except NotText as error:
        return (Diagnostic("error", "not_utf8", str(error), error.position),)
