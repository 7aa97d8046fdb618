"""The variables that a step's process gets."""

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from workers.executors.base import Sandbox
from workers.guard_process import MARKER_VARIABLE
from workers.runner.ports import Assignment

PASSED_ON = ("LANG", "LANGUAGE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
_ARCHITECTURES = {"x86_64": "X64", "aarch64": "ARM64", "i686": "X86", "armv7l": "ARM"}
_FROM_GITHUB = (
    "action",
    "actor",
    "actor_id",
    "api_url",
    "base_ref",
    "event_name",
    "graphql_url",
    "head_ref",
    "job",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
)


def inherited(extra: Iterable[str] = ()) -> dict[str, str]:
    """What a job gets of the worker's own environment: an allow-list, never all of it."""
    names = {*PASSED_ON, *extra, *(name for name in os.environ if name.startswith("LC_"))}
    return {name: os.environ[name] for name in sorted(names) if name in os.environ}


def runner_context(sandbox: Sandbox, worker: str, debug: bool) -> dict[str, Any]:
    """The context `runner`."""
    return {
        "name": worker,
        "os": "macOS" if sys.platform == "darwin" else "Linux",
        "arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "temp": str(sandbox.paths.temp),
        "tool_cache": str(sandbox.paths.tools),
        "workspace": str(sandbox.paths.workspace.parent),
        "environment": "self-hosted",
        "debug": "1" if debug else "",
    }


def fixed_variables(
    assignment: Assignment,
    sandbox: Sandbox,
    marker: str,
    github: Mapping[str, Any],
    runner: Mapping[str, Any],
) -> dict[str, str]:
    """`CI`, `GITHUB_*`, `RUNNER_*` and `ANSFLOW_*`: the same for all steps of a job."""
    named = {f"GITHUB_{name.upper()}": github.get(name) for name in _FROM_GITHUB}
    named["GITHUB_WORKSPACE"] = str(sandbox.paths.workspace)
    named["GITHUB_EVENT_PATH"] = github.get("event_path")
    named |= {f"RUNNER_{name.upper()}": value for name, value in runner.items() if value}
    variables = {
        MARKER_VARIABLE: marker,
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "ANSFLOW": "true",
        "ANSFLOW_EXECUTION_ID": str(assignment.execution_id),
        "ANSFLOW_JOB_ID": str(assignment.job_id),
        "ANSFLOW_JOB_KEY": assignment.key,
        "ANSFLOW_JOB_ATTEMPT": str(assignment.attempt),
    }
    if assignment.environment:
        variables["ANSFLOW_ENVIRONMENT"] = assignment.environment
    for name, value in named.items():
        if value is not None:
            text = "true" if value is True else "false" if value is False else str(value)
            variables[name] = text
            variables["ANSFLOW_" + name.removeprefix("GITHUB_")] = text
    return variables


def with_files(variables: dict[str, str], files: Mapping[str, object]) -> None:
    """Add the environment files of one step, under both names."""
    for name, path in files.items():
        variables[name] = str(path)
        variables["ANSFLOW_" + name.removeprefix("GITHUB_")] = str(path)


def search_path(added: Iterable[str], base: str) -> str:
    """The PATH of a step: what `$GITHUB_PATH` got last comes first."""
    return os.pathsep.join([*reversed(list(added)), base])
