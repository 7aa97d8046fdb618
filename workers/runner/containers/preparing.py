"""What happens before the first step of a job with `container` or `services`."""

from dataclasses import dataclass, field
from typing import Any, Final

from app.engine.containers import (
    Container,
    ContainerIsInvalid,
    read_container,
    read_services,
)
from app.engine.states import StepStatus
from workers.actions.base import ActionFailed, Interrupted
from workers.executors.base import CannotStart
from workers.executors.docker.engine import find_engine
from workers.executors.docker.options import OptionRefused
from workers.executors.docker.place import ContainerPlace
from workers.runner.containers.calls import Calls
from workers.runner.containers.services import Service, ports_of, show_log, wait_for
from workers.runner.containers.starting import (
    check_engine,
    make_network,
    start_own,
    start_service,
)
from workers.runner.posts import run_post
from workers.runner.run import SUCCEEDED, Attempt, Ended, JobRun, Post
from workers.runner.scope import EvaluationFailed

NAME: Final = "Initialize containers"
_LAST_NAME: Final = "Stop containers"
_OFF: Final = (
    "The job needs containers, and the operator of this worker has turned them off"
    " (ANSFLOW_WORKER__CONTAINERS=off)."
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    container: Container | None = None
    services: dict[str, Container] = field(default_factory=dict)


async def prepare_containers(run: JobRun, index: int) -> str | None:
    """Start what the job wants, as a step of its own with this index.

    Returns:
        Why no step of the job may run; None when all is there, or nothing is wanted.

    Raises:
        EvaluationFailed: the job does not say what it wants.
    """
    wanted = await _wanted(run)
    if wanted.container is None and not wanted.services:
        return None
    run.has_setup_step = True
    ready = False

    async def body(attempt: Attempt) -> Ended:
        nonlocal ready
        ended = await _prepare(attempt, wanted)
        ready = ended is SUCCEEDED
        return ended

    await run_post(run, Post(NAME, "success()", body), index)
    if ready:
        return None
    return run.first_failure or "The containers of the job were not started."


async def _wanted(run: JobRun) -> _Wanted:
    job = run.assignment.job
    if job.container is None and job.services is None:
        return _Wanted()
    try:
        return _Wanted(
            read_container(await run.scope.value(job.container, "container")),
            read_services(await run.scope.value(job.services, "services")),
        )
    except ContainerIsInvalid as error:
        raise EvaluationFailed(str(error)) from None


async def _prepare(attempt: Attempt, wanted: _Wanted) -> Ended:
    settings = attempt.run.settings
    try:
        if settings.containers == "off":
            raise ActionFailed(_OFF)
        engine = find_engine(unrestricted=settings.containers == "unrestricted")
        calls = Calls(attempt, engine)
        await check_engine(calls)
        attempt.run.sandbox.hold_containers(engine.program, engine.env)
        await _start(calls, wanted)
    except Interrupted as error:
        return error.ended
    except (ActionFailed, CannotStart, OptionRefused) as error:
        await attempt.log.note(f"##[error]{error}")
        return Ended(StepStatus.FAILURE, None, str(error))
    return SUCCEEDED


async def _start(calls: Calls, wanted: _Wanted) -> None:
    run = calls.run
    network = await make_network(calls)
    services: list[Service] = []
    if wanted.services:
        run.posts.append(Post(_LAST_NAME, "always()", lambda last: _show(calls, last, services)))
    for name, container in wanted.services.items():
        services.append(await start_service(calls, name, container, network))
    place = None
    if wanted.container is not None:
        place = await start_own(calls, wanted.container, network)
    for service in services:
        await wait_for(calls, service)
    shown: dict[str, Any] = {"services": {}}
    for service in services:
        shown["services"][service.name] = {
            "id": service.container,
            "network": network,
            "ports": await ports_of(calls, service.container),
        }
    if place is not None:
        ports = await ports_of(calls, place.container)
        shown["container"] = {"id": place.container, "network": network, "ports": ports}
    _use(run, place, shown)


def _use(run: JobRun, place: ContainerPlace | None, shown: dict[str, Any]) -> None:
    run.container = place
    run.scope.fixed = {**run.scope.fixed, "job": shown}


async def _show(calls: Calls, attempt: Attempt, services: list[Service]) -> Ended:
    """The logs of the services, before they are gone."""
    last = Calls(attempt, calls.engine)
    try:
        for service in services:
            await show_log(last, service)
    except Interrupted as error:
        return error.ended
    except CannotStart as error:
        return Ended(StepStatus.FAILURE, None, str(error))
    return SUCCEEDED
