"""Whether Redis is as AnsFlow needs it: asked once, when a process starts."""

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    NoPermissionError,
    RedisError,
)

from app.core.redis.keys import Namespace
from app.core.redis.namespaces import AWAY, NamespaceClient, Namespaces


class RedisIsUnfit(Exception):
    """The server answers, and will never do: the message says why and what to change."""


async def require_fit(namespaces: Namespaces) -> list[str]:
    """Ask the servers of all namespaces.

    Returns: a sentence for each namespace that is away now; that is no reason not to start.
    Raises: RedisIsUnfit.
    """
    away = []
    for client in namespaces:
        try:
            await _try(client)
        except AuthenticationError as error:
            raise RedisIsUnfit(
                f"{_where(client)} refuses the user or the password ({error}); write them as "
                f"redis://user:password@host:6379 in {_variables(client)}"
            ) from None
        except NoPermissionError as error:
            raise RedisIsUnfit(
                f"{_where(client)} does not let the user do what AnsFlow must ({error}); grant "
                f"+@all -@admin on the keys and channels that begin with {client.pattern}"
            ) from None
        except AWAY as error:
            away.append(f"{_where(client)} cannot be reached ({error})")
        except RedisError as error:
            raise RedisIsUnfit(_unfit(client, error)) from None
    return away


async def _try(client: NamespaceClient) -> None:
    name = client.channel("check")
    await client.client.ping()
    await client.client.exists(name)
    if client.namespace is Namespace.CHANNELS:
        await client.client.publish(name, "")


def _unfit(client: NamespaceClient, error: RedisError) -> str:
    moved = isinstance(error, (AskError, ClusterDownError))
    if moved or "cluster" in str(error).lower():
        return (
            f"{_where(client)} runs in cluster mode, which AnsFlow does not use: its concerns are "
            f"in databases 1 to 6, and a cluster has only database 0. Set {_variables(client)} to "
            "a server of its own, or to several, one per concern, with ANSFLOW_REDIS__URLS"
        )
    if "out of range" in str(error):
        return (
            f"{_where(client)} has no database {int(client.namespace)}: let it have 7 (`databases` "
            f"in its configuration), or name one in {_variables(client)}"
        )
    return f"{_where(client)} cannot be used ({error}); AnsFlow needs Redis 7 or newer, or Valkey"


def _where(client: NamespaceClient) -> str:
    return f"Redis ({client.namespace.label}, {client.address})"


def _variables(client: NamespaceClient) -> str:
    own = f"ANSFLOW_REDIS__URLS ({client.namespace.label})"
    return own if client.has_own_url else "ANSFLOW_REDIS__URL"
