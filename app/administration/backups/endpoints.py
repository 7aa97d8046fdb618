"""Backups over HTTP."""

import io
from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.responses import Response

from app.administration.backups.file import BackupIsDamaged
from app.administration.backups.schemas import RestoredRead
from app.administration.backups.service import (
    BackupIsOfAnotherRevision,
    DatabaseIsNotEmpty,
    record_download,
    restore_backup,
    write_backup,
)
from app.auth.dependencies import Administrator
from app.auth.errors import AdministratorOnly
from app.core.clock import utcnow
from app.core.dependencies import DatabaseOf
from app.core.errors import PayloadTooLarge, Unauthenticated
from app.credentials.dependencies import Keys

router = APIRouter(
    tags=["administration"],
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)
TYPE = "application/zstd"


@router.get(
    "/backup",
    response_class=Response,
    responses={
        200: {
            "description": "JSON lines, compressed with zstd",
            "content": {TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        409: BackupIsOfAnotherRevision.doc(),
    },
)
async def download(principal: Administrator, database: DatabaseOf) -> Response:
    """All definitions in one file: secrets stay encrypted, passwords stay hashes."""
    file = io.BytesIO()
    written = await write_backup(database, file.write)
    await database.transact(lambda session: record_download(session, by=principal, written=written))
    name = f"ansflow-{utcnow():%Y%m%dT%H%M%SZ}.jsonl.zst"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(file.getvalue(), media_type=TYPE, headers=headers)


@router.post(
    "/restore",
    responses={
        409: DatabaseIsNotEmpty.doc(),
        413: PayloadTooLarge.doc(),
        422: BackupIsDamaged.doc(),
    },
)
async def restore(
    principal: Administrator,
    database: DatabaseOf,
    keys: Keys,
    backup: Annotated[
        bytes,
        Body(media_type="application/octet-stream", description="A file that `/backup` gave"),
    ],
    replace: Annotated[
        bool, Query(description="Remove all definitions and executions that are there first")
    ] = False,
    without_keys: Annotated[
        bool, Query(description="Also when the keys of its secrets are not configured here")
    ] = False,
) -> RestoredRead:
    """Put all definitions of a backup back, whole or not at all; log-ins end, also this one."""
    restored = await restore_backup(
        database,
        io.BytesIO(backup),
        by=principal,
        replace=replace,
        keys=None if without_keys else keys,
    )
    return RestoredRead(rows=restored.rows, key_ids=list(restored.key_ids))
