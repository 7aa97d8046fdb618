"""The docker command of the worker: with the worker's rights, and nothing of a job's environment.

Whoever may use it is root on its host, so no job gets it: only the worker calls it.
"""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workers.executors.base import CannotStart
from workers.executors.process import HostProcess, spawn

PASSED_ON = (
    "PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "XDG_RUNTIME_DIR",
)  # fmt: skip
_CALL_S = 60.0
_LONGEST_LINE = 60_000
# A variable with a line break goes through the environment of the command itself, which acts with
# the worker's rights: nothing that the command, its runtime or its loader reads may come that way.
_READ_BY_THE_COMMAND = re.compile(
    r"(?:LD_|GLIBC_|MALLOC_|GO|DOCKER|BUILD|COMPOSE|OTEL|GRPC|MOBY|XDG_|SSH_|SSL_|RES_|LOCAL|HOST"
    r"|LC_|LANG|NLS|LOC|GCONV|NSS|TZ|ZONE|PATH|HOME|TMP|TEMP|USER|LOGNAME|PWD|SHELL|TERM|DBUS|KRB5"
    r"|NO_|HTTP|ALL_|FTP|POSIX|GETCONF|RESOLV|ASAN|TSAN|NO$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Engine:
    """How to call docker. `unrestricted`: the operator lets jobs ask for anything."""

    program: str
    env: Mapping[str, str] = field(default_factory=dict)
    unrestricted: bool = False

    def start(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> HostProcess:
        """Start a call whose output is read as that of a command.

        Raises:
            CannotStart: the system refuses.
        """
        try:
            return spawn(
                (self.program, *arguments),
                cwd=Path("/"),
                env={**self.env, **(env or {})},
                stdin=stdin,
                pass_fds=pass_fds,
            )
        except (OSError, ValueError) as error:
            raise CannotStart(f"docker cannot be started: {error}.") from None

    async def call(self, *arguments: str, timeout_s: float = _CALL_S) -> tuple[int, str]:
        """The exit code and all output of a short call; 124 when it took longer than `timeout_s`.

        Raises:
            CannotStart: the system refuses.
        """
        process = self.start(arguments)
        try:
            async with asyncio.timeout(timeout_s):
                output = b""
                while data := await process.read():
                    output += data
                code = await process.wait()
        except TimeoutError:
            code, output = 124, f"docker did not answer within {timeout_s:g} s".encode()
        finally:
            process.kill()
            process.release()
        return code, output.decode("utf-8", "replace").strip()


def find_engine(*, unrestricted: bool) -> Engine:
    """The docker command of this worker.

    Raises:
        CannotStart: there is none.
    """
    program = shutil.which("docker")
    if program is None:
        raise CannotStart(
            "The job needs containers, and this worker has no docker command. Install it with an"
            " engine that the account of the worker may use, or let the job run elsewhere"
            " (`runs-on`)."
        )
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return Engine(program, env, unrestricted)


@dataclass(frozen=True, slots=True)
class Passed:
    """Variables on their way into a container: arguments, a descriptor, variables of the call."""

    arguments: tuple[str, ...]
    descriptor: int
    env: Mapping[str, str]


@contextmanager
def passed(variables: Mapping[str, str]) -> Iterator[Passed]:
    """Hand variables to a call that starts within: neither on its command line nor on a disk.

    Raises:
        CannotStart: a variable cannot be handed over.
    """
    lines: list[bytes] = []
    arguments: list[str] = []
    env: dict[str, str] = {}
    for name, value in variables.items():
        line = _line(name, value)
        if line is not None:
            lines.append(line)
        elif _READ_BY_THE_COMMAND.match(name):
            raise CannotStart(
                f"The variable {name} cannot be handed into a container with a line break in it."
            )
        else:
            arguments += ("--env", name)
            env[name] = value
    descriptor = os.memfd_create("environment")
    try:
        with open(os.dup(descriptor), "wb") as file:
            file.write(b"".join(lines))
        yield Passed((*arguments, "--env-file", f"/proc/self/fd/{descriptor}"), descriptor, env)
    finally:
        os.close(descriptor)


def _line(name: str, value: str) -> bytes | None:
    """The variable as a line of the file that docker reads; None when it would read it wrongly."""
    if not name or name[0] in "#\ufeff" or name.split() != [name]:
        raise CannotStart(f"{name!r} cannot be the name of a variable in a container.")
    with contextlib.suppress(UnicodeEncodeError):
        line = f"{name}={value}\n".encode()
        if "\n" not in value and not value.endswith("\r") and len(line) < _LONGEST_LINE:
            return line
    return None
