"""Images that need credentials: signed in to their registry for one pull, and nothing longer."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.engine.containers import Container, Credentials
from workers.actions.base import ActionFailed
from workers.runner.containers.calls import Calls

_HUB = "docker.io"


async def pull_with_credentials(calls: Calls, container: Container, what: str) -> None:
    """Pull an image with its credentials, whether or not it is here: it may be somebody else's.

    Raises:
        ActionFailed: the registry refuses them, or the pull fails.
        CannotStart, Interrupted.
    """
    credentials = container.credentials
    if credentials is None:
        return
    run = calls.run
    run.masker.add(credentials.password)
    folder = run.sandbox.paths.root / f"docker_{run.next_file()}"
    # The job cannot enter it, and it is gone before the first step.
    folder.mkdir(mode=0o700)
    try:
        await _log_in(calls, folder, container, credentials, what)
        await calls.logged(("--config", str(folder), "pull", container.image))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _log_in(
    calls: Calls, folder: Path, container: Container, credentials: Credentials, what: str
) -> None:
    server = () if container.registry == _HUB else (container.registry,)
    user = f"--username={credentials.username}"
    with _readable(credentials.password.encode("utf-8", "replace")) as password:
        code, output = await calls.asked(
            "--config", str(folder), "login", user, "--password-stdin", *server, stdin=password
        )
    if code != 0:
        raise ActionFailed(
            f"{what}: the registry {container.registry} does not take these credentials:"
            f" {output[-500:]}"
        )


@contextmanager
def _readable(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("password")
    try:
        with contextlib.closing(os.fdopen(os.dup(descriptor), "wb")) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
