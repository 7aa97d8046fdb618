"""Puts the runner together: a claimed job, its ports over the database, the host executor."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from app.core.db import Database
from app.core.logging import logger
from app.credentials.keys import keys_of
from app.engine.states import JobStatus
from app.executions.continuing import Continuation
from app.executions.service.claim import Claimed
from app.settings import Settings
from workers.executors.base import Executor
from workers.executors.host import HostExecutor
from workers.giving import give
from workers.guard import Guard
from workers.runner.credentials import JobCredentials
from workers.runner.database import ClaimHolder, assignment_of
from workers.runner.defects import internal_error
from workers.runner.job import run_job
from workers.runner.ports import CancelSignal, JobResult, Replaced, Unavailable
from workers.runner.settings import RunnerSettings
from workers.running import Execute
from workers.storages import open_storages

log = logger(__name__)

_AGAIN_S = 1.0


def job_execution(
    settings: Settings,
    database: Database,
    executor: Executor,
    *,
    name: str,
    clock_offset: Callable[[], timedelta],
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Execute:
    """How claimed jobs are run in this process.

    Parameters: `name` is what `runner.name` shows; `clock_offset` is the database's clock minus
    this host's; `secrets` are given to every job, before those that are stored.
    """
    runner_settings = RunnerSettings(
        worker_name=name,
        grace_s=settings.worker.grace_s,
        max_log_bytes=settings.logs.max_step_bytes,
        allow_private_addresses=settings.security.allow_private_addresses,
        containers=settings.worker.containers,
    )
    storage_of, keys = open_storages(settings, database), keys_of(settings)

    async def execute(
        claimed: Claimed, signal: CancelSignal, continuation: Continuation
    ) -> Claimed | None:
        holder = ClaimHolder(
            database,
            claimed,
            max_worker_lost=settings.worker.max_worker_lost,
            continuation=continuation,
        )
        holder.offset = clock_offset()
        try:
            assignment = assignment_of(
                claimed, secrets=secrets, keep_workspace=settings.worker.keep_workspaces
            )
            assignment = await give(database, keys, claimed, signal, assignment)
            credentials = JobCredentials(database, keys, claimed.project_id, claimed.trusted)
            assignment = replace(
                assignment, storage=await storage_of(claimed), credentials=credentials
            )
            await run_job(
                assignment,
                reporter=holder,
                logs=holder,
                executor=executor,
                cancel=signal,
                settings=replace(runner_settings, clock_offset=holder.offset),
            )
        except Replaced:
            log.warning("job_replaced", job_id=str(claimed.job_id), attempt=claimed.attempt)
        except Exception as error:
            log.exception("job_broke_off", job_id=str(claimed.job_id), attempt=claimed.attempt)
            await _give_up(holder, error)
        return holder.next

    return execute


async def _give_up(holder: ClaimHolder, error: Exception) -> None:
    """End the attempt, of which no process is left, as if this worker had died: but at once."""
    result = JobResult(JobStatus.FAILURE, internal_error(error), lost=True)
    while True:
        try:
            await holder.finish(result)
        except Unavailable:
            await asyncio.sleep(_AGAIN_S)
        except Replaced:
            # It had ended before something failed, or somebody else has taken over.
            return
        else:
            return


def work_folder(data: Path, *, isolates: bool) -> Path:
    """Where the folders of jobs are made.

    The data folder is closed to everybody else, because the database and the key are in it; jobs
    that run as accounts of their own could not reach a workspace below it.
    """
    folder = data.resolve() / "work"
    if not isolates or os.geteuid() != 0:
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path("/var/lib/ansflow") / digest / "work"


def open_data_folder(folder: Path) -> Path:
    """Make the data folder if need be, closed to other accounts."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)
    return folder


class JobMachinery:
    """Guard and executor of this process; the guard is there before any job.

    Parameters: `worker_id` is the boot id. Raises: CannotStart, RuntimeError.
    """

    def __init__(self, settings: Settings, worker_id: uuid.UUID) -> None:
        isolate = settings.worker.isolation == "auto"
        data = open_data_folder(settings.data.folder)
        self.executor = HostExecutor(work_folder(data, isolates=isolate), isolate=isolate)
        accounts = self.executor.accounts
        self.guard = Guard(
            data / "guard",
            worker_id,
            # Long before somebody else may take over the job.
            beat_timeout_s=settings.worker.lease_s * 0.6,
            hold=() if accounts is None else accounts.locks,
        )
        self.executor.guard = self.guard

    @property
    def isolation(self) -> str:
        """How jobs are kept apart, for people."""
        return "own account per job" if self.executor.isolates else "account of the worker"

    def start(self) -> None:
        """Start the guard; it has removed what dead workers left when this returns."""
        self.guard.start()

    def close(self) -> None:
        """End the guard and give up the accounts; no job is left."""
        self.guard.close()
        self.executor.close()
