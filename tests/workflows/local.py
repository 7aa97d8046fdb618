"""Runs files as `ansflow run` does, several in one process."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.auth.principals import SYSTEM, Principal
from app.cli.local import (
    LocalSource,
    LocalSystem,
    create_person,
    create_project_of,
    create_tables,
    open_local,
    store_pipeline,
)
from app.cli.watching import Watcher
from app.executions.schemas import EventRead, ExecutionDetail, JobDetail
from app.executions.service.cancel import cancel_execution
from app.executions.service.reading import execution_events
from app.executions.service.start import Trigger, start_execution
from app.logs.schemas import LogPart
from app.settings import Settings
from tests.workflows.cases import Case
from tests.workflows.checking import Outcome
from workers.embedded import EmbeddedWorker

AT_ONCE = 8
"""So many are watched side by side: watching costs more than running."""

_SERVER = "http://127.0.0.1"


class Logs:
    """Hears the story of an execution and keeps its lines, by step id."""

    def __init__(self) -> None:
        self.by_step: dict[str, str] = {}

    def lines(self, job: JobDetail, step: LogPart, lines: Sequence[Any]) -> None:
        """See `Narrator.lines`, and so for the others."""
        text = "".join(line.text + ("" if line.continued else "\n") for line in lines)
        key = str(step.step_id)
        self.by_step[key] = self.by_step.get(key, "") + text

    def job_began(self, job: JobDetail) -> None: ...

    def job_ended(self, job: JobDetail) -> None: ...

    def job_again(self, job: JobDetail) -> None: ...

    def step_began(self, job: JobDetail, step: LogPart) -> None: ...

    def step_ended(self, job: JobDetail, step: LogPart) -> None: ...

    def looked(self, detail: ExecutionDetail) -> None: ...


def run_all(cases: Iterable[Case], folder: Path, site: Path) -> dict[str, Outcome | Exception]:
    """The outcomes of all cases by name, run side by side by one worker."""
    nowhere: Any = {"url": None}
    settings = Settings(
        _env_file=None,
        data={"folder": folder},
        database=nowhere,
        redis=nowhere,
        rabbitmq=nowhere,
        worker={"grace_s": 1},
    )
    chosen = list(cases)
    secrets = {name: text for case in chosen for name, text in case.trigger["secrets"].items()}
    worker = EmbeddedWorker(settings, secrets=secrets)
    worker.start(prepare=lambda: asyncio.run(create_tables(settings)))
    try:
        return asyncio.run(_run(settings, worker, chosen, site))
    finally:
        worker.stop(drain_s=0)


async def _run(
    settings: Settings, worker: EmbeddedWorker, cases: list[Case], site: Path
) -> dict[str, Outcome | Exception]:
    async with open_local(settings, worker) as system:
        by = await create_person(system.database, "you")
        project = await create_project_of(system.database, by, slug="local")
        turns = asyncio.Semaphore(AT_ONCE)

        async def run(case: Case) -> Outcome:
            async with turns:
                return await _one(system, by, project, case, site)

        found = await asyncio.gather(*map(run, cases), return_exceptions=True)
    outcomes: dict[str, Outcome | Exception] = {}
    for case, outcome in zip(cases, found, strict=True):
        assert not isinstance(outcome, BaseException) or isinstance(outcome, Exception)
        outcomes[case.name] = outcome
    return outcomes


async def _one(system: LocalSystem, by: Principal, project: Any, case: Case, site: Path) -> Outcome:
    slug = case.name.replace("_", "-")
    pipeline_id = await store_pipeline(
        system.database,
        by,
        project_id=project,
        slug=slug,
        source=case.source,
        files=case.files,
        name=case.definition.name or case.name,
    )
    trigger = trigger_of(case, pipeline_id, site, workdir=str(site))
    started = await start_execution(system.database, trigger, server_url=_SERVER)
    logs = Logs()
    source = LocalSource(system, started.execution_id)
    cancelling = asyncio.create_task(_cancel(system, source, case))
    async with asyncio.timeout(100):
        detail = await Watcher(source, logs).watch()
    cancelling.cancel()
    shown = detail.model_dump(mode="json")
    async with system.database.read() as session:
        events = await execution_events(
            session, principal=SYSTEM, execution_id=started.execution_id, after_seq=0, limit=1000
        )
    history = [EventRead.model_validate(event).model_dump(mode="json") for event in events]
    return Outcome(shown, logs.by_step, history)


def trigger_of(case: Case, pipeline_id: Any, site: Path, *, workdir: str | None) -> Trigger:
    """What starts a case."""
    trigger = case.trigger
    return Trigger(
        pipeline_id=pipeline_id,
        event=trigger["event"],
        ref=trigger["ref"],
        sha=trigger["sha"],
        inputs=case.inputs(site),
        payload=trigger["payload"],
        variables=trigger["variables"],
        actor="you",
        workdir=workdir,
    )


async def _cancel(system: LocalSystem, source: LocalSource, case: Case) -> None:
    """Cancel when the file says so: once a step of a job runs."""
    when = case.trigger["cancel"]
    if when is None:
        return
    looking = LocalSource(system, source.execution_id)
    while not is_at(when, (await looking.detail()).model_dump(mode="json")):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await cancel_execution(
        system.database, execution_id=source.execution_id, by="you", max_worker_lost=0
    )


def is_at(when: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Whether the step that a cancel waits for runs."""
    return any(
        step["index"] == when["step"] and step["status"] == "running"
        for job in detail["jobs"]
        if job["key"] == when["job"]
        for step in job["steps"]
    )
