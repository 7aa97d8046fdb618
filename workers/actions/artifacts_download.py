"""`download-artifact`: artifacts of the execution become files of the job."""

import calendar
import re
import tarfile
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from app.artifacts.models import Artifact
from app.artifacts.store import StoreFailed
from workers.actions.artifacts_files import folder_of, storage_of, unpack
from workers.actions.artifacts_upload import checked_name
from workers.actions.base import ActionCall, ActionFailed
from workers.runner.file_search import name_pattern
from workers.runner.storage import JobStorage


async def download_artifact(call: ActionCall) -> None:
    """Put one artifact, or all that match, into a folder."""
    storage = storage_of(call)
    folder = folder_of(call, "path")
    merge = call.flag("merge-multiple")
    there = await _artifacts(call, storage)
    chosen, is_one = _choose(call, there)
    for artifact in chosen:
        target = folder if is_one or merge else folder / checked_name(artifact.name)
        await _fetch(call, storage, artifact, target)
    if not chosen:
        await call.log("##[warning]No artifact matches.")
    call.effects.outputs["download-path"] = str(folder)


async def _artifacts(call: ActionCall, storage: JobStorage) -> Sequence[Artifact]:
    text = call.inputs.get("run-id", "").strip()
    try:
        execution_id = uuid.UUID(text) if text else None
    except ValueError:
        raise ActionFailed(
            f"Input 'run-id' must be the id of an execution, not {text!r}."
        ) from None
    found = await call.interruptible(storage.artifacts(execution_id))
    if found is None:
        raise ActionFailed(f"This project has no execution {text}.")
    return found


def _choose(call: ActionCall, there: Sequence[Artifact]) -> tuple[Sequence[Artifact], bool]:
    """The artifacts that are wanted, and whether their files go right into the folder."""
    name = call.inputs.get("name", "").strip()
    ids = [part for part in re.split(r"[\s,]+", call.inputs.get("artifact-ids", "")) if part]
    if name and ids:
        raise ActionFailed("Inputs 'name' and 'artifact-ids' cannot be used together.")
    if name:
        chosen = [artifact for artifact in there if artifact.name == name]
        if not chosen:
            names = ", ".join(artifact.name for artifact in there) or "none"
            raise ActionFailed(
                f"There is no artifact {name!r} in the execution; there are: {names}."
            )
        return chosen, True
    if ids:
        return _with_ids(there, ids), len(ids) == 1
    pattern = call.inputs.get("pattern", "").strip()
    if not pattern:
        return there, False
    matches = name_pattern(pattern)
    return [artifact for artifact in there if matches(artifact.name)], False


def _with_ids(there: Sequence[Artifact], ids: Sequence[str]) -> Sequence[Artifact]:
    by_id = {str(artifact.id): artifact for artifact in there}
    if missing := [text for text in ids if text.lower() not in by_id]:
        raise ActionFailed(f"The execution has no artifact with the id {missing[0]!r}.")
    return [by_id[text.lower()] for text in ids]


async def _fetch(call: ActionCall, storage: JobStorage, artifact: Artifact, target: Path) -> None:
    if await call.run(("mkdir", "-p", "--", str(target))) != 0:
        raise ActionFailed(f"The folder {target} cannot be made.")
    try:
        content = await call.interruptible(
            storage.open(artifact.content_id, size=artifact.size, sha256=artifact.sha256)
        )
    except StoreFailed as error:
        raise ActionFailed(f"Artifact {artifact.name!r} cannot be read: {error}") from None
    with content:
        await unpack(call, lambda pipe: tar_from_zip(content, pipe), target)
    files = f"{artifact.files} file{'s' * (artifact.files != 1)}"
    await call.log(
        f"Artifact {artifact.name}: {files}, {artifact.size} bytes,"
        f" SHA-256 {artifact.sha256} checked"
    )


def tar_from_zip(source: IO[bytes], target: IO[bytes]) -> None:
    """Write the files of a zip archive as a tar archive."""
    with zipfile.ZipFile(source) as archive, tarfile.open(fileobj=target, mode="w|") as tar:
        for entry in archive.infolist():
            info = tarfile.TarInfo(entry.filename)
            info.size = entry.file_size
            info.mode = (entry.external_attr >> 16) & 0o777 or 0o644
            info.mtime = calendar.timegm((*entry.date_time, 0, 0, 0))
            with archive.open(entry) as file:
                tar.addfile(info, file)
