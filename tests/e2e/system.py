"""Starts AnsFlow as its users do, as processes, and talks to it over HTTP."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.core.db import Database
from app.core.migrate import upgrade
from app.settings import Settings
from tests.fixtures.factories import Factory

ANSFLOW = str(Path(sys.executable).parent / "ansflow")
ENDED = frozenset({"success", "failure", "cancelled", "timed_out"})


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Process:
    """One `ansflow` process, with its output in a file."""

    command: list[str]
    environment: Mapping[str, str]
    output: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603  our own command
                self.command,
                env=dict(self.environment),
                cwd=self.output.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def signal(self, number: int) -> None:
        """Send a signal to this process only."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """As `kill -9`: no clean-up of its own."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s: float = 30.0) -> int:
        """As `kill`; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode


@dataclass
class System:
    """A running AnsFlow. `processes` by name: `server`, and where apart, `worker`, `scheduler`."""

    kind: str
    folder: Path
    environment: dict[str, str]
    settings: Settings
    port: int
    processes: dict[str, Process] = field(default_factory=dict)
    token: str = ""
    project_id: Any = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.AsyncClient:
        """An administrator's client."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    def open_database(self) -> Database:
        """Its database, apart from its own connections."""
        return Database(self.settings.database_url, pool_size=3)

    def spawn(self, name: str, *arguments: str, **environment: str) -> Process:
        """Start `ansflow …` with this system's settings."""
        process = Process(
            [ANSFLOW, *arguments],
            {**self.environment, **environment},
            self.folder / f"{name}.log",
        )
        self.processes[name] = process
        return process

    async def prepare(self) -> None:
        """Tables, an administrator with a token, a project."""
        self.settings.data.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await upgrade(self.settings.database_url)
        database = self.open_database()
        make = Factory(database)
        user = await make.user("root", administrator=True)
        self.token = await make.token(user)
        self.project_id = (await make.project("e2e")).id
        await database.close()

    async def pipeline(self, source: str) -> str:
        """A new pipeline with this text; its id."""
        async with self.client() as client:
            answer = await client.post(
                f"/projects/{self.project_id}/pipelines",
                json={
                    "slug": f"p{secrets.token_hex(4)}",
                    "name": "Under test",
                    "source": source,
                },
            )
            assert answer.status_code == 201, answer.text
            pipeline_id: str = answer.json()["id"]
            return pipeline_id

    async def trigger(self, pipeline_id: str, **body: Any) -> str:
        """Start an execution; its id."""
        async with self.client() as client:
            answer = await client.post(f"/pipelines/{pipeline_id}/executions", json=body)
            assert answer.status_code == 202, answer.text
            execution_id: str = answer.json()["id"]
            return execution_id

    async def run(self, source: str, *, within_s: float = 60, **body: Any) -> dict[str, Any]:
        """Run a pipeline to its end; the details."""
        execution_id = await self.trigger(await self.pipeline(source), **body)
        return await self.ended(execution_id, within_s=within_s)

    async def detail(self, execution_id: str) -> dict[str, Any]:
        """The execution with jobs and steps."""
        async with self.client() as client:
            answer = await client.get(f"/executions/{execution_id}")
            assert answer.status_code == 200, answer.text
            detail: dict[str, Any] = answer.json()
            return detail

    async def ended(self, execution_id: str, *, within_s: float = 60) -> dict[str, Any]:
        """Wait until the execution ended; its details."""
        deadline = time.monotonic() + within_s
        while (detail := await self.detail(execution_id))["status"] not in ENDED:
            if time.monotonic() > deadline:
                raise AssertionError(f"not ended after {within_s} s: {detail}\n{self.output()}")
            await asyncio.sleep(0.05)
        return detail

    async def until_running(self, execution_id: str, *, key: str | None = None) -> dict[str, Any]:
        """Wait until a job (any, or this one) runs and its step has started."""
        deadline = time.monotonic() + 60
        while True:
            detail = await self.detail(execution_id)
            for job in detail["jobs"]:
                started = any(step["status"] == "running" for step in job["steps"])
                if started and job["status"] == "running" and key in (None, job["key"]):
                    return detail
            if detail["status"] in ENDED or time.monotonic() > deadline:
                raise AssertionError(f"no job runs: {detail}\n{self.output()}")
            await asyncio.sleep(0.02)

    async def until_step_runs(self, execution_id: str, index: int) -> None:
        """Wait until this step of the only job runs."""
        async with asyncio.timeout(60):
            while True:
                (job,) = (await self.detail(execution_id))["jobs"]
                if job["steps"] and job["steps"][index]["status"] == "running":
                    return
                await asyncio.sleep(0.02)

    async def cancel(self, execution_id: str) -> None:
        """Cancel it."""
        async with self.client() as client:
            answer = await client.post(f"/executions/{execution_id}/cancel")
            assert answer.status_code == 202, answer.text

    async def log(self, step_id: str) -> str:
        """The log of a step as text."""
        async with self.client() as client:
            answer = await client.get(f"/steps/{step_id}/logs.txt")
            assert answer.status_code == 200, answer.text
            return answer.text

    async def serving(self, within_s: float = 60) -> None:
        """Wait until the server is ready."""
        deadline = time.monotonic() + within_s
        async with httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/health/live")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                dead = self.processes["server"].process.poll() is not None
                if dead or time.monotonic() > deadline:
                    raise AssertionError(f"the server does not answer\n{self.output()}")
                await asyncio.sleep(0.05)

    def output(self) -> str:
        """The last lines that its processes printed."""
        return "\n".join(
            f"== {name}\n{process.output.read_text(errors='replace')[-3000:]}"
            for name, process in self.processes.items()
        )

    def stop(self) -> None:
        """Stop all processes."""
        for process in reversed(self.processes.values()):
            process.stop()


def environment(folder: Path, port: int, **more: str) -> dict[str, str]:
    """A clean environment: nothing of the developer's shell."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "ANSFLOW_DATA__FOLDER": str(folder / "data"),
        "ANSFLOW_SERVER__PORT": str(port),
        "ANSFLOW_WORKER__GRACE_S": "1",
        **more,
    }


def settings_of(variables: Mapping[str, str]) -> Settings:
    """The settings that a process with this environment has."""
    kept = dict(os.environ)
    os.environ.update(variables)
    try:
        return Settings(_env_file=None)
    finally:
        os.environ.clear()
        os.environ.update(kept)
