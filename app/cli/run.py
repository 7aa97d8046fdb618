"""`ansflow run`: the embedded mode on a temporary folder, for one file."""

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.configuration import load_settings
from app.cli.errors import CANCELLED, FAILURE, INVALID, SUCCESS, CommandFailed
from app.cli.local import (
    LocalSource,
    LocalSystem,
    create_person,
    create_project_of,
    create_tables,
    open_local,
    store_pipeline,
)
from app.cli.narrators import JsonNarrator, PlainNarrator
from app.cli.requests import Request, parse_request
from app.cli.watching import Narrator, Watcher
from app.cli.wording import execution_result
from app.core.errors import AnsFlowError
from app.core.logging import configure
from app.engine.states import ExecutionStatus
from app.executions.errors import ExecutionFinished
from app.executions.schemas import ExecutionDetail
from app.executions.service.cancel import cancel_execution
from app.executions.service.start import Trigger, start_execution
from app.settings import Settings
from workers.embedded import EmbeddedWorker
from workers.execution import work_folder

ACTOR = "you"


def command(
    file: Annotated[Path, typer.Argument(help="The pipeline file; `-` is standard input")],
    event: Annotated[str, typer.Option(help="The event that starts it")] = "workflow_dispatch",
    eventpath: Annotated[
        Path | None, typer.Option(help="JSON file with the payload: `github.event`")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="NAME=VALUE; may be repeated")
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", help="NAME=VALUE, or NAME to take it from the environment"),
    ] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--var", help="NAME=VALUE of the context `vars`")
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Default: the branch of the folder")] = None,
    workdir: Annotated[Path, typer.Option(help="What `checkout` takes as it stands")] = Path(),
    job: Annotated[str | None, typer.Option(help="Only this job, with those that it needs")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line, the result last")
    ] = False,
    keep_workspace: Annotated[
        bool, typer.Option(help="Leave the folders of the jobs and say where they are")
    ] = False,
) -> None:
    """Run a pipeline file at once, on this machine, without a server and without configuration.

    The exit code is 0 for success, 1 for failure, 2 for an invalid file or option, 130 when it
    was cancelled. Ctrl-C cancels: steps with `if: always()` still run; a second one kills.

    \b
    Examples:
      ansflow run .ansflow/ci.yml
      ansflow run deploy.yml --input environment=staging --secret TOKEN
      ansflow run ci.yml --event push --eventpath push.json --job test
      ansflow run ci.yml --json | jq -r 'select(.event == "log") | .text'
    """
    request = parse_request(
        file,
        event=event,
        payload=eventpath,
        inputs=inputs or (),
        secrets=secrets or (),
        variables=variables or (),
        ref=ref,
        workdir=workdir,
        job=job,
    )
    configure(level="ERROR")
    with _folder(keep_workspace) as folder:
        settings = _settings(folder, request, keep_workspace)
        sys.exit(_run(settings, request, as_json=as_json))


@contextmanager
def _folder(keep_workspace: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ansflow-run-"))
    work = work_folder(folder, isolates=True)
    try:
        yield folder
    finally:
        if keep_workspace:
            typer.echo(f"The workspaces are in {work}", err=True)
        else:
            # As root the workspaces are elsewhere: where other accounts may reach them.
            shutil.rmtree(work if work.is_relative_to(folder) else work.parent, ignore_errors=True)
        with contextlib.suppress(OSError):
            (folder / "ansflow.db").unlink()
        if not keep_workspace or not work.is_relative_to(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, request: Request, keep_workspace: bool) -> Settings:
    """The worker is as configured; where things are kept is not."""
    nowhere = {"url": None}
    settings = load_settings(
        data={"folder": folder}, database=nowhere, redis=nowhere, rabbitmq=nowhere
    )
    # What a file asks for in `runs-on` is this machine.
    labels = sorted({*settings.worker.labels, *request.labels})
    changes = {"labels": labels, "keep_workspaces": keep_workspace}
    worker = settings.worker.model_copy(update=changes)
    return settings.model_copy(update={"worker": worker})


def _run(settings: Settings, request: Request, *, as_json: bool) -> int:
    worker = EmbeddedWorker(settings, secrets=request.secrets, takes_all=True)
    worker.start(prepare=lambda: asyncio.run(create_tables(settings)))
    try:
        return asyncio.run(_execute(settings, worker, request, as_json=as_json))
    finally:
        worker.stop(drain_s=0)


async def _execute(
    settings: Settings, worker: EmbeddedWorker, request: Request, *, as_json: bool
) -> int:
    async with open_local(settings, worker) as system:
        execution_id = await _start(system, request)
        with _narrator(as_json=as_json) as narrator:
            async with _cancelled_by_signals(system, execution_id):
                source = LocalSource(system, execution_id)
                detail = await Watcher(source, narrator).watch()
    code = exit_code(detail)
    if isinstance(narrator, JsonNarrator):
        narrator.result(detail, exit_code=code)
    else:
        typer.echo(execution_result(detail))
    return code


async def _cancel(system: LocalSystem, execution_id: uuid.UUID) -> None:
    with contextlib.suppress(ExecutionFinished):
        await cancel_execution(
            system.database, execution_id=execution_id, by=ACTOR, max_worker_lost=0
        )


async def _start(system: LocalSystem, request: Request) -> uuid.UUID:
    try:
        by = await create_person(system.database, ACTOR)
        project_id = await create_project_of(system.database, by, slug="local")
        pipeline_id = await store_pipeline(
            system.database,
            by,
            project_id=project_id,
            slug="run",
            source=request.source,
            files=request.files,
            name=request.definition.name or request.path.stem,
        )
        trigger = Trigger(
            pipeline_id=pipeline_id,
            event=request.event,
            ref=request.ref,
            sha=request.sha,
            inputs=request.inputs,
            payload=request.payload,
            variables=request.variables,
            user_id=by.user_id,
            actor=ACTOR,
            only_job=request.job,
            workdir=str(request.workdir),
        )
        started = await start_execution(system.database, trigger, server_url="http://127.0.0.1")
    except AnsFlowError as error:
        raise CommandFailed(f"{request.path}: {error.detail}", exit_code=INVALID) from None
    return started.execution_id


@contextmanager
def _narrator(*, as_json: bool) -> Iterator[Narrator]:
    if as_json:
        yield JsonNarrator()
    elif sys.stdout.isatty():
        from app.cli.tree import TreeNarrator  # noqa: PLC0415  a pipe needs no terminal library

        with TreeNarrator() as narrator:
            yield narrator
    else:
        yield PlainNarrator()


@asynccontextmanager
async def _cancelled_by_signals(
    system: LocalSystem, execution_id: uuid.UUID
) -> AsyncIterator[None]:
    """Ctrl-C cancels the execution; once more kills what still cleans up."""
    loop = asyncio.get_running_loop()
    cancelling: set[asyncio.Task[None]] = set()

    def heard() -> None:
        word = "killing it" if cancelling else "cancelling; Ctrl-C again kills"
        typer.echo(f"ansflow: {word}", err=True)
        cancelling.add(asyncio.ensure_future(_cancel(system, execution_id)))

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, heard)
    try:
        yield
        await asyncio.gather(*cancelling)
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def exit_code(detail: ExecutionDetail) -> int:
    """The exit code that tells how an execution ended."""
    if detail.status is ExecutionStatus.SUCCESS:
        return SUCCESS
    return CANCELLED if detail.status is ExecutionStatus.CANCELLED else FAILURE
