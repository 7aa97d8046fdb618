"""Starts the containers of a job: network, volumes, services, its own container."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.engine.containers import Container
from workers.actions.base import ActionFailed
from workers.executors.base import JobPaths
from workers.executors.docker.options import port_arguments, read_options, volume_arguments
from workers.executors.docker.place import ContainerPlace
from workers.runner.containers.calls import Calls
from workers.runner.containers.images import pull_with_credentials
from workers.runner.containers.services import Service

_ID: Final = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
_PROBE: Final = 'printf "%s\\n" "$PATH"; if [ -e "$0" ]; then echo here; fi'
# A device that root makes in a mounted folder would be a way to the devices of the host.
_NO_DEVICES: Final = "--cap-drop=MKNOD"


async def check_engine(calls: Calls) -> None:
    """Raises: ActionFailed: no engine answers; CannotStart; Interrupted."""
    code, output = await calls.asked("version", "--format", "{{.Server.Version}}")
    if code != 0:
        raise ActionFailed(
            "The job needs containers, and this worker reaches no docker engine. Start one that"
            " the account of the worker may use, or let the job run elsewhere (`runs-on`)."
            f" docker says: {output[-500:]}"
        )
    await calls.attempt.log.note(f"docker engine {output}")


async def make_network(calls: Calls) -> str:
    """The network of the job. Raises: ActionFailed; CannotStart; Interrupted."""
    await calls.logged(("network", "create"), (*calls.labels, calls.prefix))
    return calls.prefix


async def start_service(calls: Calls, name: str, wanted: Container, network: str) -> Service:
    """Start a service.

    Raises:
        ActionFailed: the engine refuses.
        OptionRefused: the worker does.
        CannotStart, Interrupted.
    """
    what = f"services.{name}"
    options = await _options(calls, wanted, what, network)
    options += [f"--network-alias={name}"]
    try:
        entrypoint = shlex.split(wanted.entrypoint)
        command = shlex.split(wanted.command)
    except ValueError as error:
        raise ActionFailed(f"{what}: its command cannot be read as words: {error}.") from None
    if entrypoint:
        options.append(f"--entrypoint={entrypoint[0]}")
    arguments = (*options, wanted.image, *entrypoint[1:], *command)
    return Service(name, await _start(calls, arguments, wanted, what))


async def start_own(calls: Calls, wanted: Container, network: str) -> ContainerPlace:
    """Start the container of the job's steps.

    Raises:
        ActionFailed: the engine refuses, or the image cannot run steps.
        OptionRefused: the worker refuses.
        CannotStart, Interrupted.
    """
    run, paths = calls.run, calls.run.sandbox.paths
    options = await _options(calls, wanted, "container", network)
    mounts = [f"--mount=type=bind,source={each},target={each}" for each in _shared(paths)]
    arguments = (
        *mounts,
        f"--workdir={paths.workspace}",
        *options,
        "--entrypoint=tail",
        wanted.image,
        "-f",
        "/dev/null",
    )
    variables = {"HOME": str(paths.home), "CI": "true", "GITHUB_ACTIONS": "true"}
    container = await _start(calls, arguments, wanted, "container", variables)
    search_path = await _probe(calls, container, wanted.image)
    git = {
        # The files may belong to another account than the one in the container.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": str(paths.workspace),
    }
    variables = {"HOME": str(paths.home), **git}
    return ContainerPlace(
        calls.engine, run.sandbox, container, wanted.image, search_path, variables
    )


def _shared(paths: JobPaths) -> tuple[Path, ...]:
    return (paths.workspace, paths.temp, paths.home, paths.tools, paths.commands)


async def _options(calls: Calls, wanted: Container, what: str, network: str) -> list[str]:
    unrestricted = calls.engine.unrestricted
    words = read_options(wanted.options, f"{what}.options", unrestricted=unrestricted)
    prefix = f"{calls.prefix}-"
    volumes = list(
        volume_arguments(
            (*wanted.volumes, *words.volumes),
            f"{what}.volumes",
            prefix=prefix,
            folders=_shared(calls.run.sandbox.paths)[:4],
            unrestricted=unrestricted,
        )
    )
    await _make_volumes(calls, volumes, prefix)
    return [
        *calls.labels,
        f"--network={network}",
        _NO_DEVICES,
        *port_arguments(wanted.ports, f"{what}.ports", unrestricted=unrestricted),
        *volumes,
        *words.options,
    ]


async def _make_volumes(calls: Calls, arguments: Sequence[str], prefix: str) -> None:
    named = [argument.removeprefix("--volume=").partition(":")[0] for argument in arguments]
    for name in dict.fromkeys(name for name in named if name.startswith(prefix)):
        await calls.logged(("volume", "create"), (*calls.labels, name))


async def _start(
    calls: Calls,
    arguments: Sequence[str],
    wanted: Container,
    what: str,
    variables: dict[str, str] | None = None,
) -> str:
    await pull_with_credentials(calls, wanted, what)
    try:
        output = await calls.logged(
            ("run", "--detach"), arguments, {**(variables or {}), **wanted.env}
        )
    except ActionFailed as error:
        raise ActionFailed(f"{what}: {error}") from None
    found = _ID.findall(output.replace("\r", ""))
    if not found:
        raise ActionFailed(f"{what}: docker did not say which container it started.")
    return str(found[-1])


async def _probe(calls: Calls, container: str, image: str) -> str:
    """The PATH of the image."""
    event = calls.run.sandbox.paths.commands / "event.json"
    code, output = await calls.asked("exec", container, "sh", "-c", _PROBE, str(event))
    if code != 0:
        raise ActionFailed(
            f"container: steps cannot run in the image {image}, which needs `sh` and `tail`:"
            f" {output[-500:]}"
        )
    path, _, here = output.partition("\n")
    if here.strip() != "here":
        raise ActionFailed(
            "container: the folders of the job are not in the container. The docker engine must"
            " run on the same host as the worker and see the same files."
        )
    return path
