"""Some of the files, run by the real command."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.cases import FOLDER, Case, open_site, read
from tests.workflows.checking import Outcome, complaints

ANSFLOW = str(Path(sys.executable).parent / "ansflow")


def command(case: Case, site: Path, folder: Path) -> list[str]:
    """The command line that starts the case as its file says."""
    trigger = case.trigger
    payload = folder / "event.json"
    payload.write_text(json.dumps(trigger["payload"]))
    options = ["--json", "--event", trigger["event"], "--eventpath", str(payload)]
    options += ["--ref", trigger["ref"]] if trigger["ref"] else []
    for option in ("input", "var", "secret"):
        values = {"input": case.inputs(site), "var": trigger["variables"]}.get(
            option, trigger["secrets"]
        )
        for name, value in values.items():
            options += [f"--{option}", f"{name}={value}"]
    return [ANSFLOW, "run", f"{case.name}.yml", *options]


def outcome(lines: str) -> tuple[Outcome, int]:
    """What the command told, in the form of the API, and the exit code that it announced."""
    *events, result = [json.loads(line) for line in lines.splitlines()]
    jobs: list[dict[str, Any]] = []
    for key, job in result["jobs"].items():
        steps = [{**step, "id": f"{key}/{step['index']}"} for step in job["steps"]]
        jobs.append({**job, "key": key, "annotations": [], "steps": steps})
    logs: dict[str, str] = {}
    for event in events:
        if event["event"] == "log":
            place = f"{event['job']}/{event['step']}"
            logs[place] = logs.get(place, "") + event["text"] + "\n"
    return Outcome({**result, "jobs": jobs}, logs, []), result["exit_code"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("reusable", 0), ("step-failure", 1), ("reusable-secrets", 0), ("dispatch-inputs", 0)],
)
def test_a_file_does_what_it_says(name: str, code: int, tmp_path: Path) -> None:
    case = read(FOLDER / f"{name}.yml")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with open_site() as site:
        done = subprocess.run(  # noqa: S603  our own command
            command(case, site, tmp_path),
            cwd=site,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
    assert done.returncode == code, done.stderr
    shown, announced = outcome(done.stdout)
    assert announced == code
    found = complaints(case, shown)
    assert not found, "\n".join(found)
