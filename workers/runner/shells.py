"""The shells of `run` steps: from `shell:` to a command line and a script file."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from workers.executors.base import CannotStart
from workers.runner.run import JobRun

_TEMPLATES: Mapping[str, str] = {
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python {0}",
    "pwsh": "pwsh -command \". '{0}'\"",
}
_SUFFIXES: Mapping[str, str] = {"python": ".py", "pwsh": ".ps1"}
_ABSENT: Mapping[str, str] = {
    "pwsh": "PowerShell (pwsh) is not installed {place}.",
    "python": "Python is not installed {place}, or not on the PATH of the job.",
    "powershell": "Windows PowerShell runs on Windows only. Use `shell: pwsh`.",
    "cmd": "cmd runs on Windows only. Use `shell: bash`.",
}


@dataclass(frozen=True, slots=True)
class Shell:
    """How to run a script: `template` has `{0}` where its path goes."""

    template: tuple[str, ...]
    suffix: str = ".sh"

    def argv(self, script: str) -> tuple[str, ...]:
        """The command line for this script file."""
        return tuple(part.replace("{0}", script) for part in self.template)

    def script(self, text: str) -> bytes:
        """The content of the script file."""
        if self.suffix == ".ps1":
            text = (
                f"$ErrorActionPreference = 'stop'\n{text}\n"
                "if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }"
            )
        script = text.encode("utf-8", "replace")
        return script if script.endswith(b"\n") else script + b"\n"


async def shell_for(name: str | None, search_path: str, run: JobRun) -> Shell:
    """The shell of a step.

    Parameters: `name` as written, None when nobody said anything; `search_path` is the PATH of the
    step; `run` is the job, whose steps may run in a container.

    Raises:
        CannotStart: there is no such shell here; the text says what to do.
    """
    if name is None:
        # GitHub documentation "Setting a default shell in a container": it is sh there.
        has_bash = run.container is None and await run.has("bash", search_path)
        return Shell(("bash", "-e", "{0}") if has_bash else ("sh", "-e", "{0}"))
    if name in ("cmd", "powershell"):
        raise CannotStart(_ABSENT[name])
    template = _TEMPLATES.get(name, name)
    if "{0}" not in template:
        raise CannotStart(
            f"Invalid shell option {name!r}. It must be bash, sh, python, pwsh or a command with"
            " '{0}' where the script goes."
        )
    try:
        parts = shlex.split(template)
    except ValueError as error:
        raise CannotStart(f"The shell {name!r} cannot be read: {error}.") from None
    program = await _program(name, parts[0], search_path, run)
    return Shell((program, *parts[1:]), _SUFFIXES.get(name, ".sh"))


async def _program(name: str, program: str, search_path: str, run: JobRun) -> str:
    if os.sep in program or await run.has(program, search_path):
        return program
    # Debian has no `python` unless somebody asked for it.
    if name == "python" and await run.has("python3", search_path):
        return "python3"
    absent = _ABSENT.get(name, f"The shell {program!r} does not exist {{place}}.")
    raise CannotStart(absent.format(place=run.place))
