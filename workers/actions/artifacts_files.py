"""Files of the job for `upload-artifact`, `download-artifact` and `cache`: found, and put in."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from workers.actions.base import ActionCall, ActionFailed
from workers.executors.base import CannotStart, Command, Process
from workers.runner.file_search import (
    PatternsAreInvalid,
    Search,
    TooManyFiles,
    parse_search,
    read_listing,
    start_listing,
)
from workers.runner.storage import JobStorage

MAX_MESSAGE = 1 << 16


def storage_of(call: ActionCall) -> JobStorage:
    """The storage of this job.

    Raises: ActionFailed: it has none.
    """
    storage = call.attempt.run.assignment.storage
    if storage is None:
        raise ActionFailed("This worker has no store for artifacts and caches.")
    return storage


def home_of(call: ActionCall) -> Path:
    """What `~` means to the job."""
    return Path(call.attempt.run.sandbox.account_variables["HOME"])


async def find(call: ActionCall, name: str, *, hidden: bool) -> tuple[Search, list[Path]]:
    """The files that the patterns of an input match.

    Raises: ActionFailed; Interrupted.
    """
    search = search_of(call, name, hidden=hidden)
    listed = await listing(call, search, "-type", "f")
    return search, await asyncio.to_thread(search.select, listed)


def search_of(call: ActionCall, name: str, *, hidden: bool) -> Search:
    """The search that an input asks for.

    Raises: ActionFailed.
    """
    try:
        return parse_search(
            call.inputs[name], workspace=call.workspace, home=home_of(call), hidden=hidden
        )
    except PatternsAreInvalid as error:
        raise ActionFailed(f"Input {name!r} is not valid. {error}") from None


async def listing(
    call: ActionCall, search: Search, *options: str, follow: bool = True
) -> list[str]:
    """What is below the bases of a search.

    Raises: ActionFailed; Interrupted.
    """
    run = call.attempt.run
    env = run.process_env(call.env)
    try:
        process = start_listing(run.sandbox, search, env, *options, follow=follow)
        return await call.interruptible(read_listing(process), process)
    except CannotStart as error:
        raise ActionFailed(str(error)) from None
    except TooManyFiles:
        raise ActionFailed("There are too many files below the paths of this step.") from None


def folder_of(call: ActionCall, name: str) -> Path:
    """The folder that an input names, within what belongs to the job.

    Raises: ActionFailed.
    """
    text = call.inputs.get(name, "").strip() or "."
    if text == "~" or text.startswith("~/"):
        text = f"{home_of(call)}{text[1:]}"
    return Path(os.path.normpath(call.workspace / text))


async def unpack(
    call: ActionCall, produce: Callable[[IO[bytes]], None], folder: Path, *options: str
) -> None:
    """Have a process of the job unpack the tar archive that `produce` writes, in a thread.

    Written with the rights of the job, so that no link of its own leads the worker elsewhere.
    Raises: ActionFailed; Interrupted; what `produce` raises.
    """
    argv = ("tar", "--no-same-owner", *options, "-xf", "-")
    code, output = await feed(call, argv, folder, produce)
    if code != 0:
        raise ActionFailed(f"tar failed with exit code {code}: {output.strip()[-2000:]}")


async def feed(
    call: ActionCall, argv: Sequence[str], cwd: Path, produce: Callable[[IO[bytes]], None]
) -> tuple[int, str]:
    """Run a command of the job that reads what `produce` writes; its exit code and output."""
    run = call.attempt.run
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        command = Command(argv, cwd, run.process_env(call.env), reading)
        process = run.sandbox.start(command)
    except CannotStart as error:
        os.close(writing)
        raise ActionFailed(str(error)) from None
    finally:
        os.close(reading)
    producing = asyncio.get_running_loop().run_in_executor(None, _produce, writing, produce)
    try:
        return await call.interruptible(_ended(process), process)
    finally:
        # It ends by itself once nobody reads any more.
        await producing


def _produce(descriptor: int, produce: Callable[[IO[bytes]], None]) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        produce(pipe)


async def _ended(process: Process) -> tuple[int, str]:
    output = bytearray()
    while data := await process.read():
        if len(output) < MAX_MESSAGE:
            output += data
    return await process.wait(), output.decode("utf-8", "replace")
