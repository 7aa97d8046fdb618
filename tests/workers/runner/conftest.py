"""A host executor per test, with its work folder where every account may pass."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.runner.memory import Bench
from workers.executors.host import HostExecutor


@pytest.fixture
def work_root() -> Iterator[Path]:
    # Not `tmp_path`: pytest makes that 0700, and jobs of root run as other accounts.
    folder = Path(tempfile.mkdtemp(prefix="ansflow-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def executor(work_root: Path) -> Iterator[HostExecutor]:
    executor = HostExecutor(work_root)
    yield executor
    executor.close()


@pytest.fixture(params=["own account", "same account"])
def any_bench(work_root: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Both ways to run: with an account per job, and as the worker's own account."""
    executor = HostExecutor(work_root, isolate=request.param == "own account")
    yield Bench(executor)
    executor.close()


@pytest.fixture
def bench(executor: HostExecutor) -> Bench:
    return Bench(executor)
