"""A started process: reading its output, waiting for it, stopping its group."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from workers.guard_process import processes

READ_SIZE = 1 << 18
QUIET_S = 0.5
DRAIN_S = 5.0
POLL_S = 0.02
PIPE_SIZE = 1 << 20


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int | None = None,
    pass_fds: Sequence[int] = (),
) -> "HostProcess":
    """Start a process in a session of its own; there is nothing to read for it without `stdin`.

    Raises:
        OSError, ValueError: the system refuses.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        os.set_blocking(reading, False)
        # A small pipe (the user has many open) only costs speed.
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        popen = subprocess.Popen(  # noqa: S603  running what the pipeline says is the purpose
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        return HostProcess(popen, reading)
    except (OSError, ValueError):
        os.close(reading)
        raise
    finally:
        os.close(writing)


class HostProcess:
    """A process with a session of its own; see `executors.base.Process`."""

    def __init__(self, popen: "subprocess.Popen[bytes]", output: int) -> None:
        self.pid = popen.pid
        self._popen = popen
        self._output = output
        self._loop = asyncio.get_running_loop()
        self._exited = asyncio.Event()
        self._stopping = False
        self._over = False
        self._woken: asyncio.Future[bool] | None = None
        self._drain_until = 0.0
        self._pidfd = os.pidfd_open(popen.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)

    async def read(self) -> bytes:
        """See `executors.base.Process.read`."""
        while not self._over:
            try:
                data = os.read(self._output, READ_SIZE)
            except BlockingIOError:
                if await self._output_is_over():
                    self._discard_the_rest()
                continue
            if not data:
                self._over = True
                self.close_output()
            elif self._exited.is_set() and self._loop.time() > self._drain_until:
                self._discard_the_rest()
            return data
        return b""

    async def wait(self) -> int:
        """See `executors.base.Process.wait`."""
        await self._exited.wait()
        code = self._popen.poll()
        assert code is not None
        return code if code >= 0 else 128 - code

    async def stop(self, grace_s: float) -> None:
        """See `executors.base.Process.stop`."""
        if self._popen.returncode is not None:
            return
        # While it is not waited for, its number, and so the group's, cannot be given to others.
        self._stopping = True
        try:
            self._kill_group(signal.SIGTERM)
            self._kill_group(signal.SIGCONT)
            deadline = self._loop.time() + grace_s
            while self._group_is_alive() and self._loop.time() < deadline:  # noqa: ASYNC110  no event
                # Nothing tells when the other members of a group end.
                await asyncio.sleep(POLL_S)
            while self._group_is_alive():
                self._kill_group(signal.SIGKILL)
                await asyncio.sleep(POLL_S / 4)
        finally:
            self._stopping = False
            if self._pidfd < 0:
                self._reap()
        await self._exited.wait()

    def kill(self) -> None:
        """See `executors.base.Process.kill`."""
        if self._popen.returncode is None:
            self._kill_group(signal.SIGKILL)

    def close_output(self) -> None:
        """Give up the pipe; whoever still writes gets SIGPIPE."""
        if self._output >= 0:
            self._loop.remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    def release(self) -> None:
        """Give up all descriptors; the process was killed or has ended."""
        self.close_output()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        self._popen.wait()

    async def _output_is_over(self) -> bool:
        """Wait until there may be output (False), or the command has ended and is quiet (True)."""
        self._woken = woken = self._loop.create_future()
        self._loop.add_reader(self._output, self._wake)
        timer = None
        if self._exited.is_set():
            timer = self._loop.call_later(QUIET_S, self._wake, True)
        try:
            over: bool = await woken
            return over
        finally:
            self._woken = None
            self._loop.remove_reader(self._output)
            if timer:
                timer.cancel()

    def _wake(self, over: bool = False) -> None:
        if self._woken and not self._woken.done():
            self._woken.set_result(over)

    def _discard_the_rest(self) -> None:
        # Closing the pipe here would kill a service that a step left running for the next steps.
        self._over = True
        self._loop.add_reader(self._output, self._discard)

    def _discard(self) -> None:
        try:
            if not os.read(self._output, READ_SIZE):
                self.close_output()
        except BlockingIOError:
            pass

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        if not self._stopping:
            self._reap()

    def _reap(self) -> None:
        self._popen.wait()
        self._drain_until = self._loop.time() + DRAIN_S
        self._exited.set()
        self._wake()

    def _kill_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _group_is_alive(self) -> bool:
        return any(entry.group == self.pid and not entry.dead for entry in processes())
