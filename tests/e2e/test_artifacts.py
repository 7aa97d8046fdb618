"""Artifacts, caches and test reports on both modes, as a user sees them."""

import hashlib
import io
import zipfile

import pytest

from tests.e2e.system import System

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

SOURCE = """
on: workflow_dispatch
jobs:
  build:
    runs-on: ubuntu-latest
    reports: {junit: report.xml}
    steps:
      - uses: actions/cache@v4
        id: cache
        with: {path: deps, key: deps-1}
      - run: |
          mkdir -p deps out && echo built > out/app
          echo "hit=${{ steps.cache.outputs.cache-hit }}" > out/cache
          cat > report.xml <<'END'
          <testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>
          END
      - uses: actions/upload-artifact@v4
        with: {name: app, path: out}
  deploy:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - uses: actions/download-artifact@v4
        with: {name: app}
      - run: test "$(cat app)" = built
"""


async def test_files_and_test_results_outlive_their_jobs(system: System) -> None:
    pipeline = await system.pipeline(SOURCE)
    for hit in ("", "true"):
        detail = await system.ended(await system.trigger(pipeline))
        assert detail["status"] == "success", detail
        async with system.client() as client:
            url = f"/executions/{detail['id']}"
            (artifact,) = (await client.get(f"{url}/artifacts")).json()["items"]
            answer = await client.get(f"/artifacts/{artifact['id']}/download")
            report = (await client.get(f"{url}/tests")).json()
        assert hashlib.sha256(answer.content).hexdigest() == artifact["sha256"]
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.read("cache") == f"hit={hit}\n".encode()
        assert [test["name"] for test in report["items"]] == ["b", "a"]
        assert (report["summary"]["failed"], report["summary"]["total"]) == (1, 2)
