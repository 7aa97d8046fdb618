"""Connections to the configured servers, for the processes that are no web servers."""

from contextlib import AsyncExitStack

from app.core.redis import Namespaces, RedisOptions
from app.core.redis.keys import Namespace
from app.events import EventBus, RedisBus
from app.jobs.publisher import RabbitPublisher
from app.settings import Settings


def rabbit_url(settings: Settings) -> str:
    """The URL of RabbitMQ.

    Raises: ValueError in the embedded mode, which has none.
    """
    if settings.rabbitmq.url is None:
        raise ValueError(
            "ANSFLOW_RABBITMQ__URL is not set. Workers and schedulers of their own need the "
            "distributed mode: set ANSFLOW_DATABASE__URL, ANSFLOW_REDIS__URL and "
            "ANSFLOW_RABBITMQ__URL; `ansflow up` needs none of them and no other process"
        )
    return settings.rabbitmq.url.get_secret_value()


def rabbit_publisher(settings: Settings) -> RabbitPublisher:
    """A publisher of this process; it connects when it is first used."""
    return RabbitPublisher(
        rabbit_url(settings),
        prefix=settings.rabbitmq.prefix,
        quorum=settings.rabbitmq.quorum_queues,
        timeout_s=settings.rabbitmq.publish_timeout_s,
    )


def redis_options(settings: Settings) -> RedisOptions:
    """How Redis is reached."""
    redis = settings.redis
    return RedisOptions(
        url=None if redis.url is None else redis.url.get_secret_value(),
        urls={label: url.get_secret_value() for label, url in redis.urls.items()},
        prefix=redis.prefix,
        pool_size=redis.pool_size,
        timeout_s=redis.timeout_s,
    )


async def open_redis_bus(settings: Settings, stack: AsyncExitStack) -> EventBus:
    """The bus between processes; closed with the stack."""
    namespaces = Namespaces(redis_options(settings))
    stack.push_async_callback(namespaces.close)
    bus = RedisBus(namespaces[Namespace.CHANNELS])
    stack.push_async_callback(bus.close)
    return bus
