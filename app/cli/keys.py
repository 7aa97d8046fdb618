"""`ansflow keys`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import typer

from app import models as _models  # noqa: F401  all tables must be known
from app.cli.configuration import load_settings
from app.cli.errors import CommandFailed
from app.core.crypto import Keyring
from app.core.db import Database, is_unavailable
from app.core.errors import AnsFlowError
from app.credentials.keys import keys_of
from app.credentials.service.rotation import key_usage, rotate
from app.settings import Mode, Settings


def command(
    action: Annotated[Literal["list", "rotate"], typer.Argument(help="What to do")],
) -> None:
    """Show the master keys, or encrypt everything with a new one.

    Without ANSFLOW_SECURITY__SECRET_KEY (embedded mode) `rotate` makes a new key. With it: set it
    to a new value and put the old one into ANSFLOW_SECURITY__OLD_SECRET_KEYS (a JSON list), start
    all servers and workers anew, then rotate; after that the old one may go. It can be repeated.

    \b
    Examples:
      ansflow keys list
      ansflow keys rotate
    """
    settings = load_settings()
    if settings.mode is Mode.EMBEDDED and not (settings.data.folder / "ansflow.db").exists():
        raise CommandFailed(f"there is no database in {settings.data.folder}")
    work = _list if action == "list" else _rotate
    try:
        asyncio.run(_with_database(settings, work))
    except AnsFlowError as error:
        raise CommandFailed(error.detail) from None
    except Exception as error:
        if is_unavailable(error) or isinstance(error, OSError):
            raise CommandFailed(f"the database cannot be reached ({error})") from None
        raise


async def _with_database(
    settings: Settings, work: Callable[[Settings, Database], Awaitable[None]]
) -> None:
    database = Database(settings.database_url, pool_size=2)
    try:
        await work(settings, database)
    finally:
        await database.close()


async def _list(settings: Settings, database: Database) -> None:
    keyring = keys_of(settings).to_read()
    usage = await key_usage(database)
    ids = [] if keyring is None else list(keyring.ids)
    missing = sorted(set(usage) - set(ids))
    for key_id in (*ids, *missing):
        state = "missing" if key_id in missing else "old"
        if keyring is not None and key_id == keyring.current_id:
            state = "current"
        counts = ", ".join(f"{count} {table}" for table, count in usage.get(key_id, {}).items())
        typer.echo(f"{key_id}  {state:8}  {counts or 'not used'}")
    if not ids and not missing:
        typer.echo("there is no key yet: one is made with the first secret", err=True)
    if missing:
        raise CommandFailed(
            "keys that encrypt something are missing: put them into "
            "ANSFLOW_SECURITY__OLD_SECRET_KEYS"
        )


async def _rotate(settings: Settings, database: Database) -> None:
    # Nothing is promised before the database has answered: a new key would be there for nothing.
    await key_usage(database)
    keyring = keys_of(settings).renew()
    typer.echo(f"the current key is {keyring.current_id}")
    rewrapped, unreadable = await _rewrap(database, keyring)
    typer.echo(f"{rewrapped} values are encrypted with it now")
    if unreadable:
        raise CommandFailed(f"{unreadable} values could not be read and stay as they are")
    if settings.security.old_secret_keys:
        typer.echo("the keys in ANSFLOW_SECURITY__OLD_SECRET_KEYS are not used any more")


async def _rewrap(database: Database, keyring: Keyring) -> tuple[int, int]:
    rewrapped = unreadable = 0
    async for done in rotate(database, keyring):
        rewrapped += done.rewrapped
        unreadable += len(done.unreadable)
        typer.echo(f"{done.table}: {done.rewrapped} more")
        for row_id, why in done.unreadable.items():
            typer.echo(f"{done.table} {row_id}: {why}", err=True)
    return rewrapped, unreadable
