"""`ansflow backup`."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from app import models as _models  # noqa: F401  all tables must be known
from app.administration.backups.file import Written
from app.administration.backups.service import write_backup
from app.cli.configuration import load_settings
from app.cli.errors import CommandFailed
from app.core.db import Database
from app.core.errors import AnsFlowError


def command(
    file: Annotated[Path, typer.Argument(help="Where to write it; -: standard output")],
) -> None:
    """Write all definitions into a file: users, projects, pipelines, secrets, settings, …

    Secrets and credentials stay encrypted: keep ANSFLOW_SECURITY__SECRET_KEY apart from the file.
    Executions, logs and artifacts are not in it.

    \b
    Examples:
      ansflow backup ansflow.jsonl.zst
      ansflow backup - | ssh host 'cat > ansflow.jsonl.zst'
    """
    url = load_settings().database_url
    try:
        written = _to_standard_output(url) if str(file) == "-" else _to(file, url)
    except AnsFlowError as error:
        raise CommandFailed(error.detail) from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror or error}") from None
    keys = ", ".join(sorted(written.key_ids)) or "none"
    typer.echo(f"{written.rows} rows, sha256 {written.sha256}, master keys: {keys}", err=True)


def _to(file: Path, url: str) -> Written:
    part = file.with_name(f"{file.name}.part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        written = asyncio.run(_write(url, target.write))
    part.replace(file)
    return written


def _to_standard_output(url: str) -> Written:
    return asyncio.run(_write(url, sys.stdout.buffer.write))


async def _write(url: str, sink: Callable[[bytes], object]) -> Written:
    database = Database(url, pool_size=2)
    try:
        return await write_backup(database, sink)
    finally:
        await database.close()
