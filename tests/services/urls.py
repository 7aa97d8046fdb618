"""The shared servers of the tests: as given, else on their standard ports."""

import os


def redis_url() -> str:
    """The Redis that tests may use, each under its own prefix."""
    return os.environ.get("ANSFLOW_TEST_REDIS_URL", "redis://127.0.0.1:6379")


def rabbitmq_url() -> str:
    """The RabbitMQ that tests may use, each with its own queue prefix."""
    return os.environ.get("ANSFLOW_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1/")
