"""Services of a job: waited for until they are healthy, and shown when they are not."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from workers.actions.base import ActionCall, ActionFailed
from workers.runner.commands import Effects
from workers.runner.containers.calls import Calls

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
_SHOWN_LINES: Final = 200
_TOLD_LINES: Final = 5
_STATE: Final = (
    "{{.State.Status}} {{.State.ExitCode}}"
    " {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"
)


@dataclass(frozen=True, slots=True)
class Service:
    """A started service."""

    name: str
    container: str


async def wait_for(calls: Calls, service: Service) -> None:
    """Wait until a service is healthy; one without a check only has to be there.

    Raises:
        ActionFailed: it is unhealthy or has ended; with the last lines of its log.
        CannotStart, Interrupted.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        code, output = await calls.asked("inspect", "--format", _STATE, service.container)
        state, exit_code, health = output.split() if code == 0 else ("gone", "", "none")
        if health == "healthy" or (health == "none" and state == "running"):
            return
        if health == "none" and state == "exited" and exit_code == "0":
            return
        if health == "unhealthy":
            raise await _failed(calls, service, "is unhealthy")
        if state not in ("running", "created", "restarting"):
            raise await _failed(calls, service, f"ended with exit code {exit_code or 'unknown'}")
        await calls.attempt.log.note(f"The service {service.name} is {health}.")
        await _sleep(calls, pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _sleep(calls: Calls, seconds: float) -> None:
    call = ActionCall(calls.attempt, {}, frozenset(), {}, Effects())
    await call.interruptible(asyncio.sleep(seconds))


async def _failed(calls: Calls, service: Service, how: str) -> ActionFailed:
    lines = (await show_log(calls, service)).strip().splitlines()
    said = " | ".join(line.strip() for line in lines[-_TOLD_LINES:]) or "nothing"
    return ActionFailed(f"The service '{service.name}' {how}. It said: {said}")


async def show_log(calls: Calls, service: Service) -> str:
    """Print the log of a service into the log of the step; its end.

    Raises: CannotStart; Interrupted.
    """
    log = calls.attempt.log
    await log.note(f"##[group]Log of the service {service.name}")
    code, output = await calls.asked("logs", "--tail", str(_SHOWN_LINES), service.container)
    for line in output.splitlines():
        await log.note(line)
    await log.note("##[endgroup]")
    return output if code == 0 else ""


async def ports_of(calls: Calls, container: str) -> dict[str, str]:
    """Where each published port is found on the host: `{"5432": "49153"}`.

    Raises: CannotStart; Interrupted.
    """
    _, output = await calls.asked("port", container)
    found: dict[str, Any] = {}
    for line in output.splitlines():
        inside, arrow, outside = line.partition(" -> ")
        if arrow:
            found.setdefault(inside.partition("/")[0], outside.rpartition(":")[2])
    return found
