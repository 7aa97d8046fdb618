"""Pipelines that keep and fetch files, and what became of them."""

import io
import zipfile
from collections.abc import Sequence

from sqlalchemy import select

from app.artifacts.models import Artifact
from app.engine.states import JobStatus
from tests.artifacts.conftest import Floor


def two_jobs(first: str, second: str) -> str:
    return f"""
on: workflow_dispatch
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
{first}
  two:
    needs: one
    runs-on: ubuntu-latest
    steps:
{second}
"""


def one_job(script: str, *uploads: str) -> str:
    lines = "".join(f"          {line}\n" for line in script.splitlines())
    steps = "".join(f"  - uses: upload-artifact\n    with: {each}\n" for each in uploads)
    return f"steps:\n  - run: |\n{lines}{steps}"


async def artifacts(floor: Floor) -> dict[str, Artifact]:
    async with floor.database.read() as session:
        return {row.name: row for row in await session.scalars(select(Artifact))}


async def names(floor: Floor, name: str = "artifact") -> Sequence[str]:
    """The paths in an artifact."""
    artifact = (await artifacts(floor))[name]
    pieces = floor.store.chunks(artifact.content_id, size=artifact.size, sha256=artifact.sha256)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert artifact.files == len(archive.namelist())
        return archive.namelist()


async def run(floor: Floor, source: str) -> tuple[JobStatus, str]:
    """Run a pipeline with one job; how it ended and why."""
    result = await floor.once(await floor.pipeline(source))
    return result.status, result.reason or ""
