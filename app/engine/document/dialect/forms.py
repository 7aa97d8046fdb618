"""Forms of text in the dialect: names, shells, references to workflows, environment variables."""

import re

from app.engine.document.cron import refusal as cron_refusal
from app.engine.document.findings import near, shortened
from app.engine.document.shapes import Form
from app.engine.document.timezones import refusal as timezone_refusal
from app.engine.filters.globs import refusal as glob_refusal

_NAME = re.compile(r"[_a-zA-Z][a-zA-Z0-9_-]*\Z")
_LONGEST_NAME = 100
SHELLS = ("bash", "sh", "python", "pwsh", "powershell", "cmd")
_LOCAL_WORKFLOW = re.compile(r"\./\.(?:github/workflows|ansflow)/[^/@\\]+\.ya?ml\Z")
_REMOTE_WORKFLOW = re.compile(
    r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/\.github/workflows/[^/@\\]+\.ya?ml@[^\s@]+\Z"
)


def _name_refusal(name: str) -> str | None:
    if not _NAME.match(name):
        return (
            f"'{shortened(name)}' is not a valid id: it must begin with a letter or '_' "
            "and hold only letters, digits, '_' and '-'"
        )
    if name.startswith("__"):
        return f"'{shortened(name)}' is not a valid id: '__' at the beginning is reserved"
    if len(name) > _LONGEST_NAME:
        return f"the id '{shortened(name)}' is longer than {_LONGEST_NAME} characters"
    return None


def _shell_refusal(shell: str) -> str | None:
    if shell in SHELLS or "{0}" in shell:
        return None
    return (
        f"'{shortened(shell)}' is not a shell{near(shell, SHELLS)} "
        "A command of your own must hold '{0}' for the script file"
    )


def is_remote_workflow(uses: str) -> bool:
    """Whether `uses` of a job names a workflow file of another repository."""
    return _REMOTE_WORKFLOW.match(uses) is not None


def _workflow_refusal(uses: str) -> str | None:
    if _LOCAL_WORKFLOW.match(uses) or is_remote_workflow(uses):
        return None
    return (
        f"'{shortened(uses)}' is not a reusable workflow; expected "
        "'./.github/workflows/FILE.yml', './.ansflow/FILE.yml' or "
        "'OWNER/REPOSITORY/.github/workflows/FILE.yml@REF'"
    )


def _variable_refusal(name: str) -> str | None:
    if not name or "=" in name or "\0" in name or name != name.strip():
        return f"'{shortened(name)}' cannot be the name of an environment variable"
    return None


NAME = Form("invalid_id", _name_refusal, r"^(?!__)[_a-zA-Z][a-zA-Z0-9_-]{0,99}$")
SHELL = Form("invalid_shell", _shell_refusal, rf"^({'|'.join(SHELLS)})$|\{{0\}}")
WORKFLOW = Form("invalid_uses", _workflow_refusal, r"^[^@]+/[^/@]+\.ya?ml(@\S+)?$")
VARIABLE = Form("invalid_variable", _variable_refusal, r"^[^=\s]([^=]*[^=\s])?$")
CRON = Form("invalid_cron", cron_refusal, r"^\s*(\S+\s+){4}\S+\s*$")
TIMEZONE = Form("invalid_timezone", timezone_refusal)
GLOB = Form("invalid_filter", glob_refusal)
