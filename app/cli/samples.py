"""The sample pipelines that `ansflow up` runs on its first start."""

from pathlib import Path

import typer

from app.auth.principals import ALL_SCOPES, Principal
from app.auth.repository import UserRepository
from app.cli.called_files import called_texts
from app.cli.local import LocalSource, LocalSystem, create_project_of, store_pipeline
from app.cli.narrators import PlainNarrator
from app.cli.pipeline_files import read_file
from app.cli.watching import Watcher
from app.cli.wording import execution_result
from app.core.db import Database
from app.engine.document import require
from app.executions.service.start import Trigger, start_execution
from app.projects.errors import ProjectSlugTaken

SLUG = "examples"
_BESIDE_THE_CODE = Path(__file__).parents[2] / "examples"


def sample_files() -> list[Path]:
    """The files of `examples` here, else of the working copy of AnsFlow."""
    for folder in (Path("examples"), _BESIDE_THE_CODE):
        if files := sorted(folder.glob("*.yml")):
            return files
    return []


async def run_samples(system: LocalSystem, *, user_name: str) -> None:
    """Store the samples as pipelines of a project and run each once, showing its log."""
    files = sample_files()
    if not files:
        typer.echo("There is no folder `examples` with pipelines to run")
        return
    by = await _administrator(system.database, user_name)
    try:
        project_id = await create_project_of(system.database, by, slug=SLUG)
    except ProjectSlugTaken:
        return
    ended = []
    for path in files:
        source = read_file(path)
        root = path.resolve().parents[1]
        pipeline_id = await store_pipeline(
            system.database,
            by,
            project_id=project_id,
            slug=path.stem,
            source=source,
            files=called_texts(require(source), root),
        )
        typer.echo(f"\n{path}")
        trigger = Trigger(
            pipeline_id=pipeline_id, user_id=by.user_id, actor=by.name, workdir=str(root)
        )
        started = await start_execution(system.database, trigger, server_url="http://127.0.0.1")
        reading = LocalSource(system, started.execution_id)
        detail = await Watcher(reading, PlainNarrator()).watch()
        reading.close()
        typer.echo(execution_result(detail))
        ended.append(detail.status)
    worked = sum(status == "success" for status in ended)
    typer.echo(
        f"\n{worked} of {len(ended)} sample pipelines succeeded; they are the project {SLUG!r}"
    )


async def _administrator(database: Database, name: str) -> Principal:
    async with database.read() as session:
        user = await UserRepository(session).require_by_name(name)
    return Principal(user.id, user.name, is_administrator=True, scopes=ALL_SCOPES)
