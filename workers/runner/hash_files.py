"""`hashFiles(…)`: one SHA-256 over all files of the workspace that match.

GitHub documentation "Expressions", hashFiles: the hash of the hashes of the single files.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]]+\]|[^*?\[]+|\[")


def hash_files(workspace: Path, patterns: Sequence[str], open_file: Callable[[Path], int]) -> str:
    """The hash, or an empty text when nothing matches.

    Parameters: `patterns` may hold several, one a line; `!` takes matches away again. `open_file`
    opens with the rights of the job; a file that it refuses counts as absent.
    """
    lines = [line.strip() for text in patterns for line in text.splitlines()]
    prefix = f"{workspace}/"
    matchers = [
        _matcher(line, prefix) for line in lines if line and not line.startswith(("#", "--"))
    ]
    total = hashlib.sha256()
    found = False
    for path, relative in _files(workspace):
        if not _matches(relative, matchers):
            continue
        try:
            descriptor = open_file(path)
        except OSError:
            continue
        with open(descriptor, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
            found = True
    return total.hexdigest() if found else ""


def _files(workspace: Path) -> Iterator[tuple[Path, str]]:
    for folder, folders, names in os.walk(workspace):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path, path.relative_to(workspace).as_posix()


def _matches(relative: str, matchers: Sequence[tuple[bool, re.Pattern[str]]]) -> bool:
    matches = False
    for takes_away, pattern in matchers:
        if pattern.fullmatch(relative):
            matches = not takes_away
    return matches


def _matcher(text: str, prefix: str) -> tuple[bool, re.Pattern[str]]:
    takes_away = text.startswith("!")
    text = text.lstrip("!").removeprefix(prefix).removeprefix("./")
    parts = []
    for piece in _PIECE.findall(text):
        if piece == "**/":
            parts.append("(?:.*/)?")
        elif piece == "**":
            parts.append(".*")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece.startswith("[") and len(piece) > 2:
            parts.append(_set(piece[1:-1]))
        else:
            parts.append(re.escape(piece))
    # A pattern that names a folder means everything in it.
    return takes_away, re.compile("".join(parts).rstrip("/") + "(?:/.*)?", re.DOTALL)


def _set(characters: str) -> str:
    negation = "^" if characters.startswith(("!", "^")) else ""
    escaped = characters[len(negation) :].replace("\\", "\\\\").replace("[", "\\[")
    return f"[{negation}{escaped}]"
