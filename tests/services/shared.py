"""The servers of one test run: found on their standard ports, or started for it."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.services.instance import Instance, NotInstalled, ServerFailed
from tests.services.packages import install, may_install, missing_packages
from tests.services.private import MariaDB, RabbitMQ, Redis
from tests.services.probes import NotAnswering, probe


class Service(NamedTuple):
    """A kind of server: how tests learn of it, where it usually is, how to get one."""

    variable: str
    usual_url: str
    kind: type[Instance]
    package: str


SERVICES = (
    Service(
        "ANSFLOW_TEST_MYSQL_URL", "mysql+asyncmy://root@127.0.0.1:3306", MariaDB, "mariadb-server"
    ),
    Service("ANSFLOW_TEST_REDIS_URL", "redis://127.0.0.1:6379", Redis, "redis-server"),
    Service(
        "ANSFLOW_TEST_RABBITMQ_URL",
        "amqp://guest:guest@127.0.0.1:5672/",
        RabbitMQ,
        "rabbitmq-server",
    ),
)


@contextlib.contextmanager
def shared_services(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the variable → URL of each server; what was started for it ends with the block.

    Parameters
    ----------
    environment:
        A variable that is set already names the server to use; it must answer.

    Raises
    ------
    NotAnswering
        A server that the environment names does not answer.
    """
    if (packages := missing_packages()) and may_install():
        install(packages)
    with contextlib.ExitStack() as started:
        urls = {}
        for service in SERVICES:
            if given := environment.get(service.variable):
                probe(given)
                urls[service.variable] = given
            elif url := _usual(service) or _started(service, started):
                urls[service.variable] = url
        yield urls


def _usual(service: Service) -> str | None:
    try:
        probe(service.usual_url)
    except NotAnswering as reason:
        sys.stderr.write(f"{service.kind.kind}: not used at its standard port ({reason})\n")
        return None
    return service.usual_url


def _started(service: Service, started: contextlib.ExitStack) -> str | None:
    """Start one of our own, installing it where that is possible and needed."""
    try:
        return _start(service, started)
    except NotInstalled as missing:
        if not may_install() or not install([service.package]):
            sys.stderr.write(f"{missing}: tests that need it are skipped\n")
            return None
    return _start(service, started)


def _start(service: Service, started: contextlib.ExitStack) -> str | None:
    try:
        server = started.enter_context(service.kind())
    except ServerFailed as failure:
        raise SystemExit(
            f"{service.kind.kind} is installed but does not start: {failure}"
        ) from None
    sys.stderr.write(f"{service.kind.kind}: started on port {server.port}\n")
    return server.url
