"""`::commands::` in the output of a step, as GitHub's runner treats them.

GitHub documentation "Workflow commands for GitHub Actions".
"""

import re
from collections.abc import Callable, Mapping

from workers.runner.masking import Masker
from workers.runner.ports import MAX_ANNOTATION, MAX_NAME, Annotation, Level

MAX_ANNOTATIONS = 50
_COMMAND = re.compile(r"^\s*::([^ :]+)(?: (.*?))?::(.*)$", re.DOTALL)
_LEVELS: Mapping[str, Level] = {"error": "error", "warning": "warning", "notice": "notice"}
_FORBIDDEN = {"set-env": "GITHUB_ENV", "add-path": "GITHUB_PATH"}
_NOT_ECHOED = frozenset({"add-mask", "debug", "stop-commands"})
_STOP_RESERVED = frozenset({"", "pause-logging"})


class WorkflowCommands:
    """The commands of one step attempt and what they did.

    Parameters: `allow_unsecure` is `ACTIONS_ALLOW_UNSECURE_COMMANDS=true`: the old `set-env` and
    `add-path` then still work. `debug` shows `::debug::` lines.
    """

    def __init__(
        self, step_index: int, masker: Masker, *, debug: bool = False, allow_unsecure: bool = False
    ) -> None:
        self.annotations: list[Annotation] = []
        self.outputs: dict[str, str] = {}
        self.state: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.paths: list[str] = []
        self.errors: list[str] = []
        self._step_index = step_index
        self._masker = masker
        self._debug = debug
        self._allow_unsecure = allow_unsecure
        self._stopped_by: str | None = None
        self._echo = debug

    def __call__(self, line: bytes) -> bytes | None:
        """What to show for a line that begins with `::`; None: it is no command."""
        found = _COMMAND.match(line.decode("utf-8", "replace"))
        if found is None:
            return None
        name, message = found[1].lower(), unescape(found[3])
        if self._stopped_by is not None:
            return self._while_stopped(found[1], line)
        properties = _properties(found[2] or "")
        if name in _LEVELS:
            return self._annotate(_LEVELS[name], properties, message)
        act = self._actions().get(name)
        if act is None:
            return None
        is_echoed = self._echo and name not in _NOT_ECHOED
        return (self._shown(line) if is_echoed else b"") + act(properties, message)

    def _actions(self) -> Mapping[str, Callable[[Mapping[str, str], str], bytes]]:
        return {
            "group": lambda _, message: self._shown(f"##[group]{message}"),
            "endgroup": lambda _, message: b"##[endgroup]\n",
            "debug": lambda _, message: self._shown(f"##[debug]{message}") if self._debug else b"",
            "add-mask": self._add_mask,
            "stop-commands": self._stop,
            "echo": self._set_echo,
            "set-output": lambda at, message: self._keep(self.outputs, "set-output", at, message),
            "save-state": lambda at, message: self._keep(self.state, "save-state", at, message),
            "set-env": self._set_env,
            "add-path": self._add_path,
            "add-matcher": lambda _, message: b"",
            "remove-matcher": lambda _, message: b"",
        }

    def _while_stopped(self, token: str, line: bytes) -> bytes | None:
        if self._stopped_by is None or token.lower() != self._stopped_by.lower():
            return None
        self._stopped_by = None
        return self._shown(line)

    def _annotate(self, level: Level, at: Mapping[str, str], message: str) -> bytes:
        if len(self.annotations) < MAX_ANNOTATIONS:
            self.annotations.append(
                Annotation(
                    self._step_index,
                    level,
                    self._masker.text(message, MAX_ANNOTATION),
                    title=self._masker.text(at["title"], MAX_NAME) if "title" in at else None,
                    file=self._masker.text(at["file"], MAX_NAME) if "file" in at else None,
                    line=_number(at.get("line")),
                    end_line=_number(at.get("endline")),
                    column=_number(at.get("col")),
                    end_column=_number(at.get("endcolumn")),
                )
            )
        return self._shown(f"##[{level}]{message}")

    def _add_mask(self, _: Mapping[str, str], message: str) -> bytes:
        if not message.strip():
            warning = "Can't add secret mask for empty string in ##[add-mask] command."
            return self._shown(f"##[warning]{warning}")
        if not self._masker.add(message):
            return self._shown("##[warning]A mask of less than 3 characters has no effect.")
        return b"::add-mask::***\n" if self._echo else b""

    def _stop(self, _: Mapping[str, str], message: str) -> bytes:
        if message.lower() in {*_STOP_RESERVED, *_LEVELS, *self._actions()}:
            return self._failed(f"Invalid stop-commands token {message!r}: use a random one.")
        self._stopped_by = message
        return self._shown(f"::stop-commands::{message}")

    def _set_echo(self, _: Mapping[str, str], message: str) -> bytes:
        if message.strip().lower() not in ("on", "off"):
            return self._failed("Invalid echo command value. Possible values can be: 'on', 'off'.")
        self._echo = message.strip().lower() == "on"
        return b""

    def _keep(
        self, where: dict[str, str], command: str, at: Mapping[str, str], message: str
    ) -> bytes:
        if not at.get("name"):
            return self._failed(f"Required field 'name' is missing in ##[{command}] command.")
        where[at["name"]] = message
        return b""

    def _set_env(self, at: Mapping[str, str], message: str) -> bytes:
        if not self._allow_unsecure:
            return self._refused("set-env")
        return self._keep(self.env, "set-env", at, message)

    def _add_path(self, _: Mapping[str, str], message: str) -> bytes:
        if not self._allow_unsecure:
            return self._refused("add-path")
        self.paths.append(message)
        return b""

    def _refused(self, command: str) -> bytes:
        return self._failed(
            f"The `{command}` command is disabled. Write to the file ${_FORBIDDEN[command]}"
            " instead, or set `ACTIONS_ALLOW_UNSECURE_COMMANDS` to `true`."
        )

    def _failed(self, message: str) -> bytes:
        self.errors.append(message)
        return self._shown(f"##[error]{message}")

    def _shown(self, line: str | bytes) -> bytes:
        raw = line.encode("utf-8", "replace") if isinstance(line, str) else line
        return self._masker.mask(raw.rstrip(b"\n") + b"\n")


def unescape(text: str) -> str:
    """The message of a command as it was before it was escaped."""
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _properties(text: str) -> dict[str, str]:
    properties = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals and name.strip() and value:
            value = value.replace("%3A", ":").replace("%2C", ",")
            properties[name.strip().lower()] = unescape(value)
    return properties


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
