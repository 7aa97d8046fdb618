"""The environment files of a step: `$GITHUB_ENV`, `$GITHUB_OUTPUT` and so on.

GitHub documentation "Workflow commands", Environment files: `KEY=value`, or `KEY<<DELIMITER`, lines
and the delimiter. The file is the job's: it is read with its rights and up to a limit.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workers.executors.base import Sandbox

MAX_FILE_BYTES = 1 << 20
MAX_SUMMARY_BYTES = 1 << 20
FILES: Mapping[str, str] = {
    "GITHUB_ENV": "set_env",
    "GITHUB_PATH": "add_path",
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_STATE": "save_state",
    "GITHUB_STEP_SUMMARY": "step_summary",
}
_FORBIDDEN_ENV = frozenset({"NODE_OPTIONS"})
_READ_ONLY_PREFIXES = ("GITHUB_", "RUNNER_", "ANSFLOW_")


class CommandFileIsInvalid(Exception):
    """An environment file does not have the form it must have; the text says where."""


@dataclass(slots=True)
class FileCommands:
    """What a step wrote into its environment files."""

    env: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    summary: str | None = None
    errors: list[str] = field(default_factory=list)


def make_files(sandbox: Sandbox, suffix: str) -> dict[str, Path]:
    """New, empty files; the variables that name them."""
    return {
        variable: sandbox.write_file(f"{name}_{suffix}", b"") for variable, name in FILES.items()
    }


def are_empty(files: Mapping[str, Path]) -> bool:
    """Whether nothing was written into any of them; most commands write nothing."""
    try:
        return all(path.lstat().st_size == 0 for path in files.values())
    except OSError:
        return False


def read_files(sandbox: Sandbox, files: Mapping[str, Path]) -> FileCommands:
    """What is in the files now. A file that is wrong is told in `errors`; the others count."""
    commands = FileCommands()
    for variable, read in _READERS.items():
        try:
            text = _text(sandbox, files[variable])
            if text:
                read(commands, text)
        except CommandFileIsInvalid as error:
            commands.errors.append(f"Unable to process file command '{variable}': {error}")
    return commands


def parse_pairs(text: str) -> Iterator[tuple[str, str]]:
    """The `KEY=value` and `KEY<<DELIMITER` entries of a file, in order.

    Raises:
        CommandFileIsInvalid: a line is neither, or a delimiter is missing; as on GitHub, what
            stands before it counts.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    at = 0
    while at < len(lines):
        line = lines[at].removesuffix("\r")
        at += 1
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            key, delimiter = line[:heredoc], line[heredoc + 2 :]
            if not key or not delimiter:
                raise CommandFileIsInvalid(
                    f"Invalid format '{line}'. Name and delimiter are needed"
                )
            value, at = _until(delimiter, lines, at)
            yield key, value
        elif equals > 0:
            yield line[:equals], line[equals + 1 :]
        else:
            raise CommandFileIsInvalid(f"Invalid format '{line}'")


def _until(delimiter: str, lines: list[str], at: int) -> tuple[str, int]:
    for end in range(at, len(lines)):
        if lines[end].removesuffix("\r") == delimiter:
            return "\n".join(lines[at:end]), end + 1
    raise CommandFileIsInvalid(f"Invalid value. Matching delimiter not found '{delimiter}'")


def _text(sandbox: Sandbox, path: Path) -> str:
    try:
        content = sandbox.read_file(path, MAX_FILE_BYTES)
    except OSError:
        return ""
    if len(content) > MAX_FILE_BYTES:
        raise CommandFileIsInvalid(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
    return content.decode("utf-8", "replace")


def _env(commands: FileCommands, text: str) -> None:
    for name, value in parse_pairs(text):
        if name.upper() in _FORBIDDEN_ENV:
            commands.errors.append(f"Can't store {name} output parameter using '$GITHUB_ENV'.")
        elif not name.upper().startswith(_READ_ONLY_PREFIXES):
            commands.env[name] = value


def _path(commands: FileCommands, text: str) -> None:
    commands.paths += [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]


def _output(commands: FileCommands, text: str) -> None:
    for name, value in parse_pairs(text):
        commands.outputs[name] = value


def _state(commands: FileCommands, text: str) -> None:
    for name, value in parse_pairs(text):
        commands.state[name] = value


def _summary(commands: FileCommands, text: str) -> None:
    size = len(text.encode())
    if size > MAX_SUMMARY_BYTES:
        raise CommandFileIsInvalid(
            f"$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got"
            f" {size >> 10}k"
        )
    commands.summary = text


_READERS: Mapping[str, Callable[[FileCommands, str], None]] = {
    "GITHUB_ENV": _env,
    "GITHUB_PATH": _path,
    "GITHUB_OUTPUT": _output,
    "GITHUB_STATE": _state,
    "GITHUB_STEP_SUMMARY": _summary,
}
