"""`ansflow migrate`."""

import asyncio
from typing import Annotated

import typer

from app.cli.configuration import load_settings
from app.cli.errors import CommandFailed
from app.core import migrate
from app.core.db import Database, is_unavailable
from app.settings import Settings


def command(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if there is something to do")
    ] = False,
) -> None:
    """Bring the database to the newest revision. Safe when several processes do it at once.

    \b
    Examples:
      ansflow migrate
      ansflow migrate --check
    """
    settings = load_settings()
    try:
        if not check:
            settings.data.folder.mkdir(parents=True, exist_ok=True)
            asyncio.run(migrate.upgrade(settings.database_url))
        revision = asyncio.run(_revision(settings))
    except migrate.MigrationIsRunning as error:
        raise CommandFailed(str(error)) from None
    except Exception as error:
        if is_unavailable(error) or isinstance(error, OSError):
            raise CommandFailed(
                f"the database cannot be reached ({error}); check ANSFLOW_DATABASE__URL"
            ) from None
        raise
    if revision != migrate.head():
        raise CommandFailed(
            f"the database is at revision {revision or 'none'}, this version needs "
            f"{migrate.head()}: run `ansflow migrate`"
        )
    typer.echo(f"the database is at revision {revision}, the newest")


async def _revision(settings: Settings) -> str | None:
    database = Database(settings.database_url, pool_size=1)
    try:
        return await migrate.current(database)
    finally:
        await database.close()
