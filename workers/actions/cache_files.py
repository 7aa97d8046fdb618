"""Packs and unpacks the files of a cache with `tar`, as the job.

Paths are kept relative to the folders of the job, because every job has other ones: `work/…` for
the workspace, `home/…`, `temp/…`, `tools/…`.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from app.artifacts.store import ContentWriter
from workers.actions.artifacts_files import home_of, listing, search_of, unpack
from workers.actions.base import ActionCall, ActionFailed
from workers.executors.base import Command, Process
from workers.runner.storage import in_thread

LEVEL = 3
_PACK = 'errors=$1; shift; exec tar "$@" 2>"$errors"'
_HOME = "home/"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of this job. `home` is apart where jobs have the home of the worker's account."""

    root: Path
    home: Path

    @property
    def has_home_apart(self) -> bool:
        return not self.home.is_relative_to(self.root)

    def name_of(self, path: Path) -> str:
        """How a path is listed for tar, which runs in the root.

        Raises: ActionFailed for what is not the job's.
        """
        if path.is_relative_to(self.root) and path != self.root:
            return str(path.relative_to(self.root))
        if path.is_relative_to(self.home):
            return str(path)
        raise ActionFailed(
            f"{path} cannot be cached: only the workspace, the home and the folders for temporary"
            " files and tools of a job can."
        )

    def packing(self) -> tuple[str, ...]:
        """Options of tar that turn the names of a home that is apart into `home/…`."""
        if not self.has_home_apart:
            return ()
        return ("-P", f"--transform=s,^{_quoted(self.home)}/,{_HOME},rSh")

    def unpacking(self) -> tuple[str, ...]:
        """The opposite."""
        if not self.has_home_apart:
            return ()
        return ("-P", f"--transform=s,^{_HOME},{_quoted(self.home)}/,rSh")


def _quoted(path: Path) -> str:
    return "".join(f"\\{char}" if char in r"\.*[]^$,&" else char for char in str(path))


def places_of(call: ActionCall) -> Places:
    """The folders of the job."""
    return Places(call.attempt.run.sandbox.paths.root, home_of(call))


async def names_to_pack(call: ActionCall) -> list[str]:
    """What the input `path` matches, as tar takes it.

    Raises: ActionFailed; Interrupted.
    """
    search = search_of(call, "path", hidden=True)
    places = places_of(call)
    for base in search.bases:
        places.name_of(base)
    listed = await listing(call, search, follow=False)
    found = await asyncio.to_thread(search.select, listed)
    return [places.name_of(path) for path in found]


async def pack(call: ActionCall, names: Sequence[str], writer: ContentWriter) -> None:
    """Write these files as a compressed tar archive.

    Raises: ActionFailed; CannotStart; ContentTooLarge; StoreFailed.
    """
    run, places = call.attempt.run, places_of(call)
    number = run.next_file()
    listed = run.sandbox.write_file(
        f"cache_{number}", b"".join(os.fsencode(name) + b"\0" for name in names)
    )
    errors = run.sandbox.write_file(f"cache_errors_{number}", b"")
    argv = (
        *("sh", "-c", _PACK, "sh", str(errors), "-cf", "-"),
        *("--no-recursion", "--null", "--verbatim-files-from", *places.packing()),
        *("-T", str(listed)),
    )
    env = run.process_env(call.env)
    # Not `-C`: the job may pass through this folder and not open it.
    process = run.sandbox.start(Command(argv, places.root, env))
    try:
        code = await _compress(process, writer)
        # 1: a file changed while it was read.
        if code not in (0, 1):
            said = run.sandbox.read_file(errors, 2000)[-2000:].decode("utf-8", "replace").strip()
            raise ActionFailed(f"tar failed with exit code {code}: {said}")
    finally:
        process.kill()
        for path in (listed, errors):
            path.unlink(missing_ok=True)


async def _compress(process: Process, writer: ContentWriter) -> int:
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    while data := await process.read():
        await in_thread(lambda _, data=data: writer.write(compressor.compress(data)))  # type: ignore[misc]  # bound now
    await in_thread(lambda _: writer.write(compressor.flush()))
    return await process.wait()


async def unpack_cache(call: ActionCall, content: IO[bytes]) -> None:
    """Put the files of a cache where they belong.

    Raises: ActionFailed; Interrupted; zstandard.ZstdError.
    """
    places = places_of(call)

    def produce(pipe: IO[bytes]) -> None:
        zstandard.ZstdDecompressor().copy_stream(content, pipe)

    await unpack(call, produce, places.root, *places.unpacking())
