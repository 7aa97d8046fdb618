"""Redis as a command finds it when it starts."""

import asyncio

import typer

from app.cli.errors import INVALID, CommandFailed
from app.core.redis import Namespaces, RedisIsUnfit, require_fit
from app.settings import Settings
from workers.connections import redis_options


def require_redis(settings: Settings) -> None:
    """Refuse a Redis that answers and will never do; say when one is away.

    Raises: CommandFailed.
    """
    try:
        away = asyncio.run(_ask_redis(settings))
    except (ValueError, RedisIsUnfit) as error:
        raise CommandFailed(str(error), exit_code=INVALID) from None
    for sentence in away[:1]:
        typer.echo(f"{sentence}. AnsFlow starts without it and tries again", err=True)


async def _ask_redis(settings: Settings) -> list[str]:
    namespaces = Namespaces(redis_options(settings))
    try:
        return await require_fit(namespaces)
    finally:
        await namespaces.close()
