"""Which tools this machine has: each is called and answers with its version, or it does not."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

TOOLS: Mapping[str, Sequence[str]] = {
    "git": ("git", "--version"),
    "node": ("node", "--version"),
    # The server answers, not only the client: without one no container runs.
    "docker": ("docker", "version", "--format", "{{.Server.Version}}"),
    "ansible": ("ansible", "--version"),
}
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_TIMEOUT_S = 20.0


async def measure_tools() -> dict[str, dict[str, Any]]:
    """Call all tools; each has `available`, `version` and `problem`."""
    return {name: await measure(command) for name, command in TOOLS.items()}


async def measure(command: Sequence[str], *, timeout_s: float = _TIMEOUT_S) -> dict[str, Any]:
    """Call a tool; it is available when it ends with 0 within `timeout_s` seconds."""
    path = shutil.which(command[0])
    if path is None:
        return _missing("not installed")
    # Nothing of this process's environment is for tools but where they find themselves.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            *command[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )
    except OSError as error:
        return _missing(f"cannot be started: {error.strerror}")
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return _missing(f"did not answer within {timeout_s:g} s")
    text = output.decode(errors="replace").strip()
    if process.returncode != 0:
        return _missing(f"exit code {process.returncode}: {text[:200]}")
    found = _VERSION.search(text)
    return {"available": True, "version": found and found[0], "problem": None}


def _missing(problem: str) -> dict[str, Any]:
    return {"available": False, "version": None, "problem": problem}
