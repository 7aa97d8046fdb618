"""The guard: kills what a worker leaves when it dies, hangs or is stopped.

Run by path with `python -I -S`, so that it starts fast, needs nothing but the standard library and
cannot fail with the worker. Its functions that find and kill processes serve the worker too.

It reads lines from standard input: `beat`, `job <json>`, `group <marker> <pgid>`, `done <marker>`.
At end-of-file, or when nothing came for `beat_timeout_s`, it kills every process of every open job
until none is left, after it announced `killing <marker>`; at end-of-file it then removes the
folders and ends. The state file names the open jobs, for the next guard, if this one dies as well.
"""

import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

LOWEST_UID = 1000
_KERNEL_THREADS = 2
MARKER_VARIABLE = "ANSFLOW_JOB_MARKER"
_MARKER_PREFIX = f"{MARKER_VARIABLE}=".encode()
_STATUS = re.compile(
    rb"^State:\t(.).*?^PPid:\t(\d+).*?^Uid:\t(\d+)\t(\d+).*?^NSpgid:\t(\d+).*?^NSsid:\t(\d+)",
    re.MULTILINE | re.DOTALL,
)
_STOP_PASSES = 20
LABEL = "ansflow.job"
_ENGINE_S = 60.0
_ENGINE_PASSES = 5
# What lists, and what removes, all that a job has with the engine.
_REMOVALS = (
    (("ps", "--all", "--quiet", "--no-trunc"), ("rm", "--force", "--volumes")),
    (("network", "ls", "--quiet"), ("network", "rm")),
    (("volume", "ls", "--quiet"), ("volume", "rm", "--force")),
)
_HANDED_OVER = ("work", "temp", "home", "tools", "commands")


class Job:
    """What is known of an open job: how to tell its processes and its folder.

    `engine` is the docker command once the job has containers, `engine_env` its environment.
    """

    def __init__(
        self,
        marker: str,
        uid: int | None,
        root: str,
        keep: bool = False,
        group: int | None = None,
        engine: str | None = None,
        engine_env: dict[str, str] | None = None,
    ) -> None:
        if uid is not None and uid < LOWEST_UID:
            raise ValueError(f"uid {uid} is no account of a job")
        self.marker = marker
        self.uid = uid
        self.root = root
        self.keep = keep
        self.group = group
        self.engine = engine
        self.engine_env = engine_env


class Entry:
    """One process, as /proc shows it."""

    __slots__ = ("dead", "group", "parent", "pid", "session", "uids")

    def __init__(self, pid: int, found: "re.Match[bytes]"):
        self.pid = pid
        self.dead = found[1] in b"ZX"
        self.parent = int(found[2])
        self.uids = int(found[3]), int(found[4])
        self.group = int(found[5])
        self.session = int(found[6])


def processes() -> Iterator[Entry]:
    """All processes of this machine that /proc shows, kernel threads excepted."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        entry = process(int(name))
        if entry is not None and entry.parent != _KERNEL_THREADS:
            yield entry


def process(pid: int) -> Entry | None:
    """One process, if it is there."""
    found = _STATUS.search(_read(f"/proc/{pid}/status", 4096))
    return None if found is None else Entry(pid, found)


def children() -> list[int]:
    """The children of this process: what it started, and the orphans that it inherited.

    Every process of a job is one of them or descends from one that is of the job, too. Where the
    kernel does not keep this list it is read from the processes.
    """
    own = f"/proc/{os.getpid()}/task"
    try:
        found: list[int] = []
        for thread in os.listdir(own):
            with open(f"{own}/{thread}/children", "rb", 0) as file:
                found += map(int, file.read().split())
    except OSError:
        return [entry.pid for entry in processes() if entry.parent == os.getpid()]
    return found


def members(job: Job, seen: Iterable[Entry] | None = None) -> list[Entry]:
    """The processes of a job: by account, marker and group, and all their descendants."""
    entries = {entry.pid: entry for entry in (processes() if seen is None else seen)}
    own = os.getpid()
    entries.pop(own, None)
    found = {pid for pid, entry in entries.items() if belongs(job, entry)}
    children: dict[int, list[int]] = {}
    for pid, entry in entries.items():
        children.setdefault(entry.parent, []).append(pid)
    todo = list(found)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return [entries[pid] for pid in found]


def kill_pass(job: Job) -> bool:
    """Kill every process of the job that is there now; True when none was left alive.

    All are stopped first, again and again until no new one appears: a process that forks faster
    than it is found cannot escape.
    """
    stopped: set[int] = set()
    for _ in range(_STOP_PASSES):
        alive = [entry.pid for entry in members(job) if not entry.dead]
        new = [pid for pid in alive if pid not in stopped]
        if not new:
            break
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        stopped.update(new)
    for pid in stopped:
        _signal(pid, signal.SIGKILL)
    return not stopped


def belongs(job: Job, entry: Entry) -> bool:
    """Whether a process is one of this job by itself, whatever its parents are."""
    # The group also finds a process of root that is about to become the job's account.
    if job.group is not None and entry.group == job.group:
        return True
    if job.engine is not None and job.marker == marker_of(entry.pid):
        # A call of the engine, which has the worker's account, or a process in a container.
        return True
    if job.uid is not None:
        return job.uid in entry.uids
    return job.marker == marker_of(entry.pid) or _is_inside(entry.pid, job.root)


def remove_containers(job: Job) -> bool:
    """Remove the containers, networks and volumes of a job with all that runs in them.

    False when the engine does not answer or something is still there.
    """
    if job.engine is None:
        return True
    for _ in range(_ENGINE_PASSES):
        # Once more after the last one was gone: a call that was killed may have left another.
        left = False
        for listing, removal in _REMOVALS:
            code, output = _engine(job, *listing, "--filter", f"label={LABEL}={job.marker}")
            if code != 0:
                return False
            found = output.split()
            if found:
                left = True
                if listing[0] == "ps":
                    hand_over(job, found)
                _engine(job, *removal, *found)
        if not left:
            return True
    return False


def hand_over(job: Job, containers: list[str] | None = None) -> None:
    """Give the files of a job to a worker that is not root: it can neither read nor remove what
    root in a container made. Without `containers`: through all that the job has."""
    if os.geteuid() == 0 or job.engine is None:
        return
    if containers is None:
        _, output = _engine(job, "ps", "--quiet", "--filter", f"label={LABEL}={job.marker}")
        containers = output.split()
    folders = [os.path.join(job.root, name) for name in _HANDED_OVER]
    owner = f"{os.geteuid()}:{os.getegid()}"
    for container in containers:
        _engine(job, "exec", "--user=0", container, "chown", "-R", owner, *folders)


def _engine(job: Job, *arguments: str) -> tuple[int, str]:
    assert job.engine is not None
    try:
        ended = subprocess.run(  # noqa: S603  the command that the worker found
            [job.engine, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_ENGINE_S,
            env=job.engine_env or {},
            cwd="/",
            start_new_session=True,
        )
    except (OSError, subprocess.SubprocessError):
        return 1, ""
    return ended.returncode, ended.stdout.decode("utf-8", "replace")


def _is_inside(pid: int, root: str) -> bool:
    """Whether a process is in the job's folder: a daemon may have cleared its environment."""
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return bool(root) and (folder == root or folder.startswith(f"{root}/"))


def marker_of(pid: int) -> str | None:
    """The marker of the job that this process was started by, if it may be read."""
    for variable in _read(f"/proc/{pid}/environ", 1 << 20).split(b"\0"):
        if variable.startswith(_MARKER_PREFIX):
            return variable[len(_MARKER_PREFIX) :].decode("ascii", "replace")
    return None


def _read(path: str, limit: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, limit)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _signal(pid: int, number: int) -> None:
    # Never a group or "all": the one process that was just looked at.
    if pid > 1:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


class Guard:
    """The loop of the guard process."""

    def __init__(self, state_path: str, beat_timeout_s: float) -> None:
        self.state_path = state_path
        self.beat_timeout_s = beat_timeout_s
        self.jobs: dict[str, Job] = {}
        self.announced: set[str] = set()
        self.state = _locked(state_path)

    def run(self) -> None:
        buffer = b""
        while True:
            ready, _, _ = select.select([0], [], [], self.beat_timeout_s)
            if not ready:
                self.kill_all()
                continue
            data = os.read(0, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            changes = [line.decode() for line in lines if line != b"beat"]
            for line in changes:
                self.take(line)
            if changes:
                self.save()
        self.kill_all()
        self.finish()

    def finish(self) -> None:
        """Remove what the jobs leave; what still may run waits for the next guard."""
        for marker, job in list(self.jobs.items()):
            if remove_containers(job):
                remove(job)
                del self.jobs[marker]
        if self.jobs:
            self.save()
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.state_path)

    def take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "job":
            job = Job(**json.loads(rest))
            self.jobs[job.marker] = job
        elif word == "group":
            marker, _, group = rest.partition(" ")
            if marker in self.jobs:
                self.jobs[marker].group = int(group)
        elif word == "done":
            self.jobs.pop(rest, None)

    def save(self) -> None:
        text = json.dumps({"jobs": [vars(job) for job in self.jobs.values()]})
        os.ftruncate(self.state, 0)
        os.pwrite(self.state, text.encode(), 0)

    def kill_all(self) -> None:
        for job in self.jobs.values():
            if job.marker not in self.announced:
                self.announced.add(job.marker)
                # Announced before: a worker that wakes up must not take this for a failed step.
                # It may be gone, too.
                with contextlib.suppress(OSError):
                    os.write(1, f"killing {job.marker}\n".encode())
            kill_until_empty(job)
            remove_containers(job)


def _locked(path: str) -> int:
    """The state file, open and locked. Another guard that cleans up may have just removed it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def kill_until_empty(job: Job) -> None:
    """Return only when no process of the job is left."""
    while not kill_pass(job):
        time.sleep(0.01)


def remove(job: Job) -> None:
    """Remove the folder of a job, unless it is to be kept."""
    if not job.keep:
        remove_tree(job.root)


def remove_tree(root: str) -> None:
    """Remove a folder with all that is in it, also folders that their owner closed."""
    shutil.rmtree(root, ignore_errors=True)
    if os.path.lexists(root):
        for folder, folders, _ in os.walk(root):
            for name in folders:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(root, ignore_errors=True)


def clean_up_after_the_dead(folder: str) -> None:
    """Kill and remove what guards that no longer live had open."""
    for name in os.listdir(folder):
        if not name.endswith(".guard"):
            continue
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError), open(path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            done = True
            with contextlib.suppress(ValueError):
                done = _finish_off(json.loads(file.read() or b"{}"))
            if done:
                os.unlink(path)


def _finish_off(state: dict[str, Any]) -> bool:
    """Only by marker: numbers of accounts and groups may belong to somebody else by now. What
    cleared its environment under an account is killed by the next worker that takes the account.
    False when containers are left, because their engine does not answer.
    """
    done = True
    for fields in state.get("jobs", []):
        engine, engine_env = fields.get("engine"), fields.get("engine_env")
        job = Job(
            fields["marker"],
            None,
            fields["root"],
            fields["keep"],
            engine=engine,
            engine_env=engine_env,
        )
        kill_until_empty(job)
        if remove_containers(job):
            remove(job)
        else:
            done = False
    return done


def main() -> None:
    folder, name, beat_timeout_s = sys.argv[1:4]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    clean_up_after_the_dead(folder)
    guard = Guard(os.path.join(folder, f"{name}.guard"), float(beat_timeout_s))
    os.write(1, b"ready\n")
    guard.run()


if __name__ == "__main__":
    main()
