"""`ansflow serve`."""

import asyncio
from contextlib import nullcontext
from typing import Annotated

import typer
import uvicorn

from app.auth.service.bootstrap import FirstLogin, ensure_administrator
from app.cli.configuration import load_settings, require_distributed
from app.cli.dotenv import warn_of_exposed_secrets
from app.cli.errors import CommandFailed
from app.cli.redis import require_redis
from app.cli.serving import OPTIONS
from app.core import migrate
from app.core.db import Database, is_unavailable
from app.core.errors import Unavailable
from app.core.logging import configure
from app.core.metrics_files import shared_folder
from app.settings import Settings


def command(
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Server processes on this port")
    ] = None,
) -> None:
    """Serve the API, the live streams and the documentation until TERM or Ctrl-C.

    On the first start an administrator is made; the log-in is printed once.

    \b
    Examples:
      ansflow serve
      ansflow serve --host 0.0.0.0 --port 8000 --processes 4
    """
    settings = load_settings()
    require_distributed(settings, "serve")
    warn_of_exposed_secrets()
    require_redis(settings)
    configure()
    login = asyncio.run(_prepare(settings))
    if login is not None:
        tell_login(login)
    count = processes or settings.server.processes
    with shared_folder() if count > 1 else nullcontext():
        uvicorn.run(
            "app.cli.serving:application",
            factory=True,
            host=settings.server.host if host is None else host,
            port=settings.server.port if port is None else port,
            workers=count,
            **OPTIONS,
        )


def tell_login(login: FirstLogin) -> None:
    """Print the first log-in; it is kept nowhere in clear."""
    typer.echo(
        "First start: this administrator was made. It is shown only once.\n"
        f"  user      {login.name}\n"
        f"  password  {login.password}\n"
        f"  API token {login.token}"
    )


async def _prepare(settings: Settings) -> FirstLogin | None:
    database = Database(settings.database_url, pool_size=1)
    try:
        revision = await migrate.current(database)
        if revision != migrate.head():
            raise CommandFailed(
                f"the database is at revision {revision or 'none'}, this version needs "
                f"{migrate.head()}: run `ansflow migrate`"
            )
        return await ensure_administrator(database)
    except Exception as error:
        if is_unavailable(error) or isinstance(error, (OSError, Unavailable)):
            raise CommandFailed(
                f"the database cannot be reached ({error}); check ANSFLOW_DATABASE__URL"
            ) from None
        raise
    finally:
        await database.close()
