"""The periodic backup: a file in the data folder, or in the store that servers share."""

import asyncio
import contextlib
import os
import tempfile
from datetime import datetime
from typing import IO

import fsspec

from app.administration.backups.service import write_backup
from app.core.clock import utcnow
from app.core.db import Database
from app.core.logging import logger

log = logger(__name__)
KEPT = 28
"""Two weeks of backups every twelve hours."""


async def keep_backup(database: Database, url: str) -> str:
    """Write a backup into a folder and remove the oldest beyond `KEPT`; returns its name.

    Parameters: `url` names the folder, as fsspec takes it.
    Raises: Unavailable; OSError when the folder cannot be written.
    """
    with tempfile.TemporaryFile(prefix="ansflow-backup-") as file:
        written = await write_backup(database, file.write)
        name = await asyncio.to_thread(_store, url, file, utcnow())
    log.info("backup_kept", name=name, rows=written.rows, sha256=written.sha256)
    return name


def _store(url: str, file: IO[bytes], now: datetime) -> str:
    filesystem, root = fsspec.core.url_to_fs(url)
    filesystem.makedirs(root, exist_ok=True)
    name = f"ansflow-{now:%Y%m%dT%H%M%S%fZ}.jsonl.zst"
    path = f"{root}/{name}"
    file.seek(0)
    # Complete before it has its name: a half backup is worse than none.
    with filesystem.open(f"{path}.part", "wb") as target:
        while data := file.read(1 << 20):
            target.write(data)
    filesystem.mv(f"{path}.part", path)
    if "file" in filesystem.protocol:
        os.chmod(path, 0o600)
    for old in sorted(filesystem.glob(f"{root}/ansflow-*.jsonl.zst"))[:-KEPT]:
        with contextlib.suppress(FileNotFoundError):
            filesystem.rm_file(old)
    return name
