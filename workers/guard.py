"""The worker's side of the guard: starts it, tells it of jobs, beats, hears what it killed."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from workers import guard_process

BEAT_EVERY_S = 1.0


class Guard:
    """One guard process of this worker process.

    Parameters: `folder` is where guards keep what a dead worker left (shared by all workers of
    this data folder, readable by nobody else); `beat_timeout_s` must be well under the lease;
    `hold` are file descriptors that stay open until the guard ends (locks on accounts).
    """

    def __init__(
        self,
        folder: Path,
        worker_id: UUID,
        *,
        beat_timeout_s: float = 12.0,
        hold: Sequence[int] = (),
    ) -> None:
        self._folder = folder
        self._name = worker_id.hex
        self._beat_timeout_s = beat_timeout_s
        self._hold = tuple(hold)
        self._jobs: dict[str, guard_process.Job] = {}
        self._killed: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; returns once it has removed what dead workers left.

        Raises:
            RuntimeError: it did not start.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and file
            [
                sys.executable,
                "-I",
                "-S",
                guard_process.__file__,
                str(self._folder),
                self._name,
                str(self._beat_timeout_s),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=self._hold,
            cwd="/",
            env={},
        )
        output = self._output()
        if os.read(output, 6) != b"ready\n":
            raise RuntimeError("The guard process did not start; see its error above.")
        os.set_blocking(output, False)
        for job in self._jobs.values():
            self._send(f"job {json.dumps(vars(job))}")

    def watch(self, job: guard_process.Job) -> None:
        """A job begins: from now on its processes do not outlive this worker."""
        self._jobs[job.marker] = job
        self._tell(f"job {json.dumps(vars(job))}")

    def group(self, marker: str, pgid: int) -> None:
        """The job's current step has this process group."""
        if job := self._jobs.get(marker):
            job.group = pgid
            self._tell(f"group {marker} {pgid}")

    def done(self, marker: str) -> None:
        """A job has ended and no process of it is left."""
        self._jobs.pop(marker, None)
        self._killed.discard(marker)
        self._tell(f"done {marker}")

    def has_killed(self, marker: str) -> bool:
        """Whether the guard killed this job's processes because this worker hung or was stopped."""
        if self._process is not None:
            try:
                heard = os.read(self._output(), 1 << 16)
            except BlockingIOError:
                heard = b""
            for line in heard.decode().splitlines():
                self._killed.add(line.removeprefix("killing "))
        return marker in self._killed

    async def beat(self) -> None:
        """Beat until cancelled. Runs in the event loop that renews the leases."""
        while True:
            self._tell("beat")
            await asyncio.sleep(BEAT_EVERY_S)

    def close(self) -> None:
        """End the guard; it kills what is still there. Returns when it has ended."""
        if self._process is not None:
            process, self._process = self._process, None
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.read()
            process.stdout.close()
            process.wait()

    def _tell(self, line: str) -> None:
        if self._process is None:
            return
        try:
            self._send(line)
        except BrokenPipeError:
            # Someone killed the guard. Its lock is free, so a new one would take the open jobs for
            # the remains of a dead worker: forget the state file first.
            self._process.wait()
            (self._folder / f"{self._name}.guard").unlink(missing_ok=True)
            self.start()

    def _send(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), line.encode() + b"\n")

    def _output(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()
