"""`ansflow restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app import models as _models  # noqa: F401  all tables must be known
from app.administration.backups.service import Restored, restore_backup
from app.auth.principals import SYSTEM
from app.cli.configuration import load_settings
from app.cli.errors import CommandFailed
from app.core.db import Database
from app.core.errors import AnsFlowError
from app.core.sealing import MasterKeys
from app.credentials.keys import keys_of

QUESTION = "This removes all definitions and executions that are in {url}. Go on?"


def command(
    file: Annotated[Path, typer.Argument(help="What `ansflow backup` wrote")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove what is there first, with all executions")
    ] = False,
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="Also when the keys of its secrets are not here"),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Put all definitions of a backup into an empty database, whole or not at all.

    ANSFLOW_SECURITY__SECRET_KEY must be that of the installation that made it, as must the
    file secret.key in the data folder of an embedded one; otherwise nothing is restored.

    The database must be at the revision that the backup was made at: run `ansflow migrate` of
    the same version first.

    \b
    Examples:
      ansflow migrate && ansflow restore ansflow.jsonl.zst
      ansflow restore --replace ansflow.jsonl.zst
    """
    settings = load_settings()
    if replace and not yes:
        typer.confirm(QUESTION.format(url=_shown(settings.database_url)), abort=True)
    try:
        wanted = None if without_keys else keys_of(settings)
        restored = asyncio.run(_restore(settings.database_url, file, wanted, replace=replace))
    except AnsFlowError as error:
        raise CommandFailed(error.detail) from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror or error}") from None
    typer.echo(f"{restored.rows} rows restored")
    if restored.key_ids:
        keys = ", ".join(restored.key_ids)
        typer.echo(f"its secrets need the master keys {keys}")


async def _restore(url: str, file: Path, keys: MasterKeys | None, *, replace: bool) -> Restored:
    database = Database(url, pool_size=2)
    try:
        with open(file, "rb") as source:  # noqa: ASYNC230  nothing else runs here
            return await restore_backup(database, source, by=SYSTEM, replace=replace, keys=keys)
    finally:
        await database.close()


def _shown(url: str) -> str:
    return url.rpartition("@")[2] if "@" in url else url
