"""`upload-artifact`: files of the job become an artifact of the execution."""

import os
import re
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from app.artifacts.errors import ArtifactExists
from app.artifacts.service.upload import ClaimIsLost
from app.artifacts.store import ContentTooLarge, ContentWriter, StoreFailed
from workers.actions.artifacts_files import find, storage_of
from workers.actions.base import ActionCall, ActionFailed
from workers.runner.storage import Stopped

READ_SIZE = 1 << 18
_FORBIDDEN = re.compile(r'["\x00-\x1f:<>|*?\\/\x7f]')
_EARLIEST = (1980, 1, 1, 0, 0, 0)


async def upload_artifact(call: ActionCall) -> None:
    """Keep the files that match as a zip archive."""
    storage = storage_of(call)
    name = checked_name(call.inputs["name"])
    level = int(call.number("compression-level"))
    if level > 9:
        raise ActionFailed("Input 'compression-level' must be at most 9.")
    overwrite, days = call.flag("overwrite"), await _retention(call, storage.rules.retention_days)
    missing = _if_no_files_found(call)
    search, files = await find(call, "path", hidden=call.flag("include-hidden-files"))
    if not files:
        await _nothing_found(call, missing)
        return
    await call.log(f"{len(files)} {'file' if len(files) == 1 else 'files'} to upload")
    open_file = call.attempt.run.sandbox.open_file
    root = search.root(files)

    def write(writer: ContentWriter, stop: threading.Event) -> int:
        return write_zip(writer, root, files, open_file, level=level, stop=stop)

    try:
        artifact_id, stored = await call.interruptible(
            storage.keep_artifact(write, name=name, retention_days=days, overwrite=overwrite)
        )
    except ContentTooLarge as error:
        quota = storage.rules.execution_bytes
        raise ActionFailed(
            f"Artifact {name!r} does not fit: an execution may keep {quota} bytes of artifacts"
            f" and {error.limit} of them are left."
        ) from None
    except (ArtifactExists, StoreFailed) as error:
        raise ActionFailed(_sentence(str(error))) from None
    except ClaimIsLost:
        raise ActionFailed("Another attempt has taken over this job.") from None
    url = f"{call.attempt.run.scope.github.get('api_url', '')}/artifacts/{artifact_id}"
    call.effects.outputs.update(
        {
            "artifact-id": str(artifact_id),
            "artifact-url": url,
            "artifact-digest": stored.sha256,
        }
    )
    await call.log(
        f"Artifact {name} is kept for {days} days: {stored.size} bytes, SHA-256 {stored.sha256}"
    )


def checked_name(name: str) -> str:
    """The name, when it may be one.

    Raises: ActionFailed.
    """
    if not name or len(name) > 255 or name in (".", "..") or (found := _FORBIDDEN.search(name)):
        why = f"it contains {found[0]!r}" if name and len(name) <= 255 and found else "its length"
        raise ActionFailed(
            f"The artifact name {name[:300]!r} is not valid ({why}). It has 1 to 255 characters and"
            r" none of these: \" : < > | * ? \ / or control characters."
        )
    return name


def write_zip(
    target: ContentWriter,
    root: Path,
    files: Sequence[Path],
    open_file: Callable[[Path], int],
    *,
    level: int,
    stop: threading.Event,
) -> int:
    """Pack files, with paths relative to `root`; returns how many.

    Raises: ActionFailed when one cannot be read; Stopped; ContentTooLarge; StoreFailed.
    """
    how = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
    file = cast(IO[bytes], target)
    with zipfile.ZipFile(file, "w", how, compresslevel=level or None) as archive:
        for path in files:
            _add(archive, path, path.relative_to(root).as_posix(), open_file, stop)
    return len(files)


def _add(
    archive: zipfile.ZipFile,
    path: Path,
    name: str,
    open_file: Callable[[Path], int],
    stop: threading.Event,
) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ActionFailed(f"The file name {os.fsencode(name)!r} is not UTF-8.") from None
    try:
        source = os.fdopen(open_file(path), "rb")
    except OSError as error:
        raise ActionFailed(f"The file {path} cannot be read: {error.strerror}.") from None
    with source:
        status = os.fstat(source.fileno())
        changed = time.gmtime(status.st_mtime)[:6]
        entry = zipfile.ZipInfo(name, max(_EARLIEST, changed))
        entry.compress_type = archive.compression
        entry.external_attr = (stat.S_IFREG | stat.S_IMODE(status.st_mode) & 0o777) << 16
        with archive.open(entry, "w", force_zip64=status.st_size >= 1 << 30) as packed:
            while data := source.read(READ_SIZE):
                if stop.is_set():
                    raise Stopped
                packed.write(data)


async def _retention(call: ActionCall, longest: int) -> int:
    text = call.inputs.get("retention-days", "").strip()
    if text in ("", "0"):
        return longest
    if not text.isascii() or not text.isdigit():
        raise ActionFailed(f"Input 'retention-days' must be a number of days, not {text!r}.")
    if len(text) > 5 or int(text) > longest:
        await call.log(f"##[warning]Artifacts are kept for at most {longest} days here.")
        return longest
    return int(text)


def _if_no_files_found(call: ActionCall) -> str:
    how = call.inputs.get("if-no-files-found", "warn").strip()
    if how not in ("warn", "error", "ignore"):
        raise ActionFailed(f"Input 'if-no-files-found' must be warn, error or ignore, not {how!r}.")
    return how


async def _nothing_found(call: ActionCall, how: str) -> None:
    path = " ".join(call.inputs["path"].split())
    text = f"No files were found with the path {path!r}. No artifact was uploaded."
    if how == "error":
        raise ActionFailed(text)
    await call.log(text if how == "ignore" else f"##[warning]{text}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
