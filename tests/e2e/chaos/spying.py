"""A job that reads all it can reach: environments, command lines, memory files, folders."""

import os
from pathlib import Path

import pytest

from tests.e2e.chaos.stage import PATIENCE_S, Room, pipeline
from tests.e2e.system import System

SIBLING = """
sibling:
  runs-on: ubuntu-latest
  steps:
    - run: |
        umask 0
        echo "$SECRET_OF_SIBLING" > secret
        echo "$SECRET_OF_SIBLING" > "$RUNNER_TEMP/secret"
        ls -la
        echo ready >> "$ROOM/story"
        while [ ! -e "$ROOM/go" ]; do sleep 0.1; done
  env: {SECRET_OF_SIBLING: CANARY-sibling}
"""
# What it may not read it passes over; it fails only if it did not look.
SPY = """
spy:
  runs-on: ubuntu-latest
  env: {SPIED: control}
  steps:
    - run: |
        exec 2>&1
        set +e
        while [ "$(grep -c ready "$ROOM/story")" = 0 ]; do sleep 0.1; done
        cat /proc/$PPID/environ
        for process in /proc/[0-9]*; do
          tr '\\0' '\\n' < $process/environ
          tr '\\0' '\\n' < $process/cmdline
          cat $process/fd/* < /dev/null & reading=$!
          sleep 0.01
          kill $reading
          ls -la $process/cwd/
          cat $process/cwd/secret $process/root/etc/shadow
        done
        for folder in /var/lib/ansflow "$FOLDER" "$DATA"; do
          ls -laR "$folder"
          find "$folder" -type f -size -2M -exec cat {} +
        done
        cat "$FOLDER/.env" "$DATA"/* "$DATA/ansflow.db" "$DATA/key"
        touch "$ROOM/go"
        exit 0
"""


async def nothing_is_found(system: System, room: Room, canary: str) -> None:
    """Let a job spy, beside one that has a secret of its own."""
    if os.geteuid() != 0:
        pytest.skip("only as root jobs have accounts of their own")
    room.folder.chmod(0o777)
    data = system.folder / "data"
    # Open by itself: the folder around it is what keeps it.
    (data / "key").write_text(f"{canary}-file\n")
    (data / "key").chmod(0o644)
    source = pipeline(
        SIBLING.replace("CANARY", canary),
        SPY,
        ROOM=str(room.folder),
        FOLDER=str(system.folder),
        DATA=str(data),
    )
    execution_id = await system.trigger(await system.pipeline(source))
    detail = await system.ended(execution_id, within_s=PATIENCE_S)
    assert detail["status"] == "success", detail
    logs = {job["key"]: await system.log(job["steps"][0]["id"]) for job in detail["jobs"]}
    assert "secret" in logs["sibling"]
    assert "SPIED=control" in logs["spy"]
    assert f"{data}: Permission denied" in logs["spy"].replace("'", "")
    assert canary not in logs["spy"]


def is_in_environment(pid: int, canary: str) -> bool:
    """Whether root finds it there, which shows that the job looked in the right place."""
    return canary.encode() in Path(f"/proc/{pid}/environ").read_bytes()
