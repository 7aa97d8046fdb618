"""The container that the steps of a job run in: each command is a `docker exec`."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workers.executors.base import CannotStart, Command, Sandbox
from workers.executors.docker.engine import Engine, passed
from workers.executors.process import HostProcess
from workers.guard_process import MARKER_VARIABLE

_HELP_S: Final = 30.0
_LEAVE_S: Final = 5.0
# The first process of an exec has no parent in the container and leads a group; nothing but the
# shell itself is needed to find them. $1 is the grace in fifths of a second.
_STOP: Final = r"""
me=$$ roots= left=$1
look() {
  found=
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    pid=${line%% *}
    set -- ${line##*) }
    case $1 in Z|X) continue;; esac
    if [ "$pid" = 1 ] || [ "$3" = "$me" ]; then continue; fi
    if [ "$2" = 0 ]; then
      case " $roots " in *" $pid "*) ;; *) roots="$roots $pid";; esac
    fi
    case " $roots " in *" $3 "*) found=1;; esac
  done
  [ -n "$found" ]
}
each() { for root in $roots; do kill -s "$1" -- "-$root" 2>/dev/null; done; }
look || exit 0
each TERM; each CONT
while [ "$left" -gt 0 ] && look; do sleep 0.2 2>/dev/null || sleep 1; left=$((left - 1)); done
left=50
while look && [ "$left" -gt 0 ]; do each KILL; sleep 0.1 2>/dev/null; left=$((left - 1)); done
[ "$left" -gt 0 ]
"""


@dataclass(frozen=True, slots=True)
class ContainerPlace:
    """The started container of a job.

    `search_path` is the PATH of its image, `variables` what every command in it gets.
    """

    engine: Engine
    sandbox: Sandbox
    container: str
    image: str
    search_path: str
    variables: Mapping[str, str]

    async def has(self, program: str, search_path: str) -> bool:
        """Whether there is such a command in the container.

        Raises:
            CannotStart: the system refuses.
        """
        look = ("sh", "-c", 'PATH=$1; command -v "$0" >/dev/null', program, search_path)
        code, _ = await self.engine.call("exec", self.container, *look)
        return code == 0

    def start(self, command: Command) -> "ContainerProcess":
        """Start a command in the container.

        Raises:
            CannotStart: the system refuses, or a variable cannot be handed over.
        """
        process = start_call(
            self.engine,
            self.sandbox,
            ("exec",),
            ("--workdir", str(command.cwd), self.container, *command.argv),
            command.env,
        )
        return ContainerProcess(self, process)


def start_call(
    engine: Engine,
    sandbox: Sandbox,
    command: Sequence[str],
    arguments: Sequence[str],
    variables: Mapping[str, str],
) -> HostProcess:
    """Start a call of the engine for a job, with variables for what it runs.

    Raises:
        CannotStart: the system refuses, or a variable cannot be handed over.
    """
    with passed(variables) as given:
        process = engine.start(
            (*command, *given.arguments, *arguments),
            env={**given.env, MARKER_VARIABLE: variables.get(MARKER_VARIABLE, "")},
            pass_fds=(given.descriptor,),
        )
    sandbox.track(process)
    return process


class ContainerProcess:
    """See `executors.base.Process`: a command in a container, and the call that waits for it."""

    def __init__(self, place: ContainerPlace, call: HostProcess) -> None:
        self._place = place
        self._call = call
        self.pid = call.pid

    async def read(self) -> bytes:
        """See `executors.base.Process.read`."""
        return await self._call.read()

    async def wait(self) -> int:
        """See `executors.base.Process.wait`."""
        return await self._call.wait()

    async def stop(self, grace_s: float) -> None:
        """See `executors.base.Process.stop`. Without a shell the whole container is killed."""
        place = self._place
        with contextlib.suppress(CannotStart):
            await place.engine.call(
                "exec", "--user=0", place.container, "sh", "-c", _STOP, "sh", f"{grace_s * 5:.0f}",
                timeout_s=grace_s + _HELP_S,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_LEAVE_S):
                await self._call.wait()
        except TimeoutError:
            with contextlib.suppress(CannotStart):
                await place.engine.call("kill", place.container, timeout_s=_HELP_S)
        await self._call.stop(0)

    def kill(self) -> None:
        """See `executors.base.Process.kill`: nothing more runs in this container."""
        with contextlib.suppress(CannotStart):
            place = self._place
            place.sandbox.track(place.engine.start(("kill", place.container)))
        self._call.kill()
