"""`docker-build`, `docker-push` and `docker-run`: through the docker command of the worker."""

import asyncio
import base64
import json
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from workers.actions.base import ActionCall, ActionFailed, Interrupted
from workers.executors.base import CannotStart, Command

CLEAN_UP_S = 10.0
HUB = "https://index.docker.io/v1/"
_MOUNT = "/github/workspace"


class Docker:
    """The docker command as the job calls it, with the credentials of one step."""

    def __init__(self, call: ActionCall) -> None:
        self.call = call
        self.env: dict[str, str] = {}

    async def require(self) -> None:
        """Fail clearly where there is no docker.

        Raises:
            ActionFailed: no command, or no daemon that the job may talk to.
        """
        try:
            code, output = await self.call.capture(
                ("docker", "version", "--format", "{{.Server.Version}}"), env=self.env
            )
        except ActionFailed as error:
            raise ActionFailed(f"This worker has no docker command: {error}") from None
        if code != 0:
            raise ActionFailed(
                "The job cannot use docker on this worker (is a daemon running, and may the "
                f"account of the job use it?): {output.strip()[-1000:]}"
            )

    async def run(self, *arguments: str) -> None:
        """Run docker with its output in the log.

        Raises:
            ActionFailed: it failed.
        """
        code = await self.call.run(("docker", *arguments), env=self.env)
        if code != 0:
            raise ActionFailed(f"docker {arguments[0]} failed with exit code {code}.")

    async def ask(self, *arguments: str) -> str:
        """What docker says; nothing when it fails."""
        code, output = await self.call.capture(("docker", *arguments), env=self.env)
        return output.strip() if code == 0 else ""

    async def clean_up(self, *argv: str) -> None:
        """Run something although the step is being stopped; not longer than 10 s."""
        run = self.call.attempt.run
        env = run.process_env({**self.call.env, **self.env})
        with suppress(CannotStart, TimeoutError):
            process = run.sandbox.start(Command(argv, self.call.workspace, env))
            async with asyncio.timeout(CLEAN_UP_S):
                while await process.read():
                    pass
                await process.wait()


@asynccontextmanager
async def opened(call: ActionCall) -> AsyncIterator[Docker]:
    """Docker, with the credential of the step's inputs in a folder that is removed afterwards.

    Raises:
        ActionFailed: there is no docker here, or half a credential.
    """
    user, password = call.inputs.get("username", ""), call.inputs.get("password", "")
    if bool(user) != bool(password):
        raise ActionFailed("Inputs 'username' and 'password' belong together.")
    docker = Docker(call)
    await docker.require()
    if not user:
        yield docker
        return
    folder = await _log_in(call, f"{user}:{password}")
    docker.env = {"DOCKER_CONFIG": str(folder)}
    try:
        yield docker
    finally:
        await docker.clean_up("rm", "-rf", "--", str(folder))


async def _log_in(call: ActionCall, credential: str) -> Path:
    """A configuration folder of docker that holds the credential."""
    run = call.attempt.run
    registry = call.inputs.get("registry", "").strip() or HUB
    auth = base64.b64encode(credential.encode()).decode()
    run.masker.add(auth)
    number = run.next_file()
    config = json.dumps({"auths": {registry: {"auth": auth}}}).encode()
    path = run.sandbox.write_file(f"docker_{number}", config)
    folder = run.sandbox.paths.temp / f"docker_{number}"
    script = 'umask 077 && mkdir -- "$2" && cp -- "$1" "$2/config.json"'
    try:
        code, output = await call.capture(("sh", "-c", script, "sh", str(path), str(folder)))
    finally:
        path.unlink(missing_ok=True)
    if code != 0:
        raise ActionFailed(f"The credential cannot be written: {output.strip()}")
    return folder


def lines_of(call: ActionCall, name: str) -> list[str]:
    """An input with one value a line."""
    return [line.strip() for line in call.inputs.get(name, "").splitlines() if line.strip()]


def images_of(call: ActionCall, name: str) -> list[str]:
    """An input with names of images, one a line, at least one.

    Raises:
        ActionFailed: there is none, or one that docker would take for an option.
    """
    found = lines_of(call, name)
    for image in found:
        if image.startswith("-") or " " in image:
            raise ActionFailed(f"Input {name!r} must hold names of images, not {image!r}.")
    if not found:
        raise ActionFailed(f"Input {name!r} must name an image.")
    return found


async def docker_build(call: ActionCall) -> None:
    """Build an image, and push it when `push` is true."""
    tags = images_of(call, "tags")
    context = call.inputs["context"].strip()
    if context.startswith("-"):
        raise ActionFailed(f"Input 'context' must be a folder or an address, not {context!r}.")
    id_file = call.attempt.run.sandbox.paths.temp / f"image_{call.attempt.run.next_file()}"
    async with opened(call) as docker:
        await docker.run("build", f"--iidfile={id_file}", *_build_options(call, tags), context)
        try:
            image_id = call.attempt.run.sandbox.read_file(id_file, 200).decode().strip()
        except OSError:
            image_id = ""
        call.effects.outputs.update({"image-id": image_id, "tags": "\n".join(tags)})
        if call.flag("push"):
            await _push(docker, tags)


def _build_options(call: ActionCall, tags: Sequence[str]) -> list[str]:
    options = [f"--tag={tag}" for tag in tags]
    options += [
        f"--{name}={value}"
        for name in ("file", "target", "platform")
        if (value := call.inputs.get(name, "").strip())
    ]
    options += [f"--build-arg={line}" for line in lines_of(call, "build-args")]
    options += [f"--label={line}" for line in lines_of(call, "labels")]
    options += [f"--{name}" for name in ("pull", "no-cache") if call.flag(name)]
    return options


async def docker_push(call: ActionCall) -> None:
    """Push images to their registries."""
    tags = images_of(call, "tags")
    async with opened(call) as docker:
        await _push(docker, tags)


async def _push(docker: Docker, tags: Sequence[str]) -> None:
    for tag in tags:
        await docker.run("push", tag)
    digests = await docker.ask("image", "inspect", "--format", "{{json .RepoDigests}}", tags[0])
    try:
        found = json.loads(digests or "[]") or [""]
    except ValueError:
        found = [""]
    docker.call.effects.outputs["digest"] = str(found[0]).rpartition("@")[2]


async def docker_run(call: ActionCall) -> None:
    """Run a command in a container, with the workspace in it; the container is gone afterwards."""
    image = images_of(call, "image")[0]
    run = call.attempt.run
    name = f"ansflow-{run.assignment.job_id.hex}-{run.next_file()}"
    options = ["--rm", f"--name={name}", *_words(call, "options")]
    if call.flag("mount-workspace"):
        options += [f"--volume={call.workspace}:{_MOUNT}", f"--workdir={_MOUNT}"]
    options += [f"--env={line}" for line in lines_of(call, "env")]
    if entrypoint := call.inputs.get("entrypoint", "").strip():
        options.append(f"--entrypoint={entrypoint}")
    command = call.inputs.get("run", "")
    argv = ["sh", "-ec", command] if command.strip() else _words(call, "args")
    async with opened(call) as docker:
        try:
            await docker.run("run", *options, image, *argv)
        except Interrupted:
            # Killing the command leaves the container to the daemon.
            await docker.clean_up("docker", "rm", "--force", name)
            raise


def _words(call: ActionCall, name: str) -> list[str]:
    try:
        return shlex.split(call.inputs.get(name, ""))
    except ValueError as error:
        raise ActionFailed(f"Input {name!r} cannot be read as words: {error}.") from None
