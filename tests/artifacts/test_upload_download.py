"""`upload-artifact` and `download-artifact` in real jobs."""

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


async def test_files_get_from_one_job_to_the_next(floor: Floor) -> None:
    execution = await floor.start(
        two_jobs(
            """
      - run: |
          mkdir -p out/sub && echo one > out/a.txt && echo two > out/sub/b.txt
          printf '#!/bin/sh\\necho ran\\n' > out/run && chmod 755 out/run
      - uses: actions/upload-artifact@v4
        id: up
        with: {name: results, path: out}
      - run: |
          test "${{ steps.up.outputs.artifact-id }}" != ""
          test "$(printf %s '${{ steps.up.outputs.artifact-digest }}' | wc -c)" = 64
""",
            """
      - uses: actions/download-artifact@v4
        id: down
        with: {name: results, path: in}
      - run: |
          test "$(cat in/a.txt in/sub/b.txt)" = "$(printf 'one\\ntwo')"
          test "$(in/run)" = ran
          test "${{ steps.down.outputs.download-path }}" = "$PWD/in"
          test -O in/a.txt
""",
        )
    )
    assert (await floor.run(execution, "one")).status is JobStatus.SUCCESS
    assert (await floor.run(execution, "two")).status is JobStatus.SUCCESS
