"""Artifacts and test reports as HTTP responses."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Annotated
from urllib.parse import quote

from fastapi import Header
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.artifacts.errors import ContentUnavailable
from app.artifacts.models import Artifact
from app.artifacts.schemas import (
    PastRunRead,
    TestHistoryRead,
    TestRead,
    TestReportRead,
    TestSummary,
)
from app.artifacts.service.reports import TestHistory, TestReport
from app.artifacts.states import TestStatus
from app.artifacts.store import ContentMissing, ContentStore, StoreFailed
from app.core.logging import logger
from app.core.middleware_etag import matches

log = logger(__name__)

# An artifact holds what anybody wrote: a browser must neither guess its type nor run it.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
IfNoneMatch = Annotated[str | None, Header(description="Answer 304 when the digest is this one")]


class Download(StreamingResponse):
    """Closes the file when the client goes away, not when memory is collected."""

    def __init__(self, source: AsyncGenerator[bytes, None], headers: dict[str, str]) -> None:
        super().__init__(source, media_type="application/zip", headers=headers)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._source):
            await super().__call__(scope, receive, send)


async def download(artifact: Artifact, store: ContentStore, if_none_match: str | None) -> Response:
    """The archive. Its last piece is sent only when the digest of all of it was right.

    Raises: ContentUnavailable.
    """
    tag = f'"{artifact.sha256}"'
    headers = {**_SAFE, "ETag": tag, "Content-Disposition": _disposition(f"{artifact.name}.zip")}
    if if_none_match and matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    pieces = store.chunks(artifact.content_id, size=artifact.size, sha256=artifact.sha256)
    try:
        first = await asyncio.to_thread(next, pieces, b"")
    except StoreFailed as error:
        # The text names paths and hosts, which are nothing to whoever may read the artifact.
        log.warning("artifact_unreadable", artifact_id=str(artifact.id), error=str(error))
        raise ContentUnavailable(_told(error)) from error
    headers["Content-Length"] = str(artifact.size)
    return Download(_pieces(first, pieces), headers)


def _told(error: StoreFailed) -> str:
    if isinstance(error, ContentMissing):
        return (
            "the artifact store of this server does not have the content; its log says where it"
            " looked. When servers and workers are on several hosts, set ANSFLOW_ARTIFACTS__URL"
            " to a store that all of them reach"
        )
    return "the artifact store cannot give the content; the server's log says why"


async def _pieces(first: bytes, pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    piece = first
    while piece:
        yield piece
        piece = await asyncio.to_thread(next, pieces, b"")


def _disposition(name: str) -> str:
    """RFC 6266; the name of an artifact has no quotes, backslashes or control characters."""
    if name.isascii():
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def report_answer(report: TestReport) -> TestReportRead:
    """A page of tests with the summary of all."""
    compared = report.comparison
    summary = TestSummary(
        total=sum(report.counts.values()),
        **{status.value: report.counts.get(status.value, 0) for status in TestStatus},
        newly_failing=compared.count("newly_failing"),
        fixed=compared.count("fixed"),
        flaky=len(compared.flaky),
        duration_s=report.duration_s,
        compared_with=report.compared_with,
    )
    items = [
        TestRead(
            id=row.id,
            test=row.identity.hex(),
            job_id=row.job_id,
            attempt=row.attempt,
            suite=row.suite,
            classname=row.classname,
            name=row.name,
            file=row.file,
            status=TestStatus(row.status),
            duration_s=row.duration_s,
            message=row.message,
            details=row.details,
            change=compared.changes.get(row.identity),
            flaky=row.identity in compared.flaky,
        )
        for row in report.items
    ]
    return TestReportRead(items=items, next=report.next, summary=summary)


def history_answer(history: TestHistory) -> TestHistoryRead:
    """A page of the runs of a test."""
    test = history.test
    return TestHistoryRead(
        items=[PastRunRead.model_validate(run) for run in history.items],
        next=history.next,
        test=test.identity.hex(),
        suite=test.suite,
        classname=test.classname,
        name=test.name,
    )
