"""Collects the test reports that a job names, after its steps; trouble with them fails nothing."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.artifacts.service.tests import MAX_DETAILS, TestResult, keep_tests
from app.artifacts.service.upload import ClaimIsLost
from app.artifacts.states import TestStatus
from workers.actions.artifacts_files import find
from workers.actions.base import ActionCall, ActionFailed, Interrupted
from workers.runner.commands import Effects
from workers.runner.ports import Annotation
from workers.runner.reports_junit import MAX_FILE, ReportIsBroken, read_junit
from workers.runner.run import SUCCEEDED, Attempt, Ended, JobRun, Post
from workers.runner.scope import EvaluationFailed
from workers.runner.storage import JobStorage, Stopped, in_thread, insist

MAX_FILES = 1000
MAX_BYTES = 128 << 20
MAX_CASES = 20_000
MAX_ALL_DETAILS = 8_000_000
"""Characters of the details of all tests together; later ones keep their message only."""


class _Enough(Exception):
    """No more tests are kept."""


@dataclass(slots=True)
class Collected:
    """What the files held, and what was wrong with them, by path."""

    results: list[TestResult] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    details: int = 0

    def add(self, result: TestResult) -> None:
        """Keep a result, as far as there is room."""
        size = min(len(result.details or ""), MAX_DETAILS)
        if self.details + size > MAX_ALL_DETAILS:
            result, size = _without_details(result), 0
        self.details += size
        self.results.append(result)


def add_report_post(run: JobRun) -> None:
    """Have the reports of this job collected before the other post steps."""
    storage = run.assignment.storage
    if run.assignment.job.junit_reports and storage is not None:

        async def body(attempt: Attempt) -> Ended:
            return await _collect(attempt, storage)

        run.posts.append(Post("Collect test reports", "always()", body))


async def _collect(attempt: Attempt, storage: JobStorage) -> Ended:
    run = attempt.run
    try:
        patterns = [
            await run.scope.text(pattern, "reports.junit")
            for pattern in run.assignment.job.junit_reports
        ]
        inputs = {"junit": "\n".join(patterns)}
        call = ActionCall(attempt, inputs, frozenset(inputs), {}, Effects())
        _, files = await find(call, "junit", hidden=True)
        collected = await call.interruptible(in_thread(lambda stop: _read(run, files, stop)))
        await _report(call, collected, len(files))
        if collected.results:
            await call.interruptible(insist(lambda: _keep(run, storage, collected.results)))
    except Interrupted as error:
        return error.ended
    except (ActionFailed, ClaimIsLost, EvaluationFailed, OSError) as error:
        await attempt.log.note(f"##[warning]The test reports were not collected: {error}")
    return SUCCEEDED


async def _keep(run: JobRun, storage: JobStorage, results: Sequence[TestResult]) -> None:
    await keep_tests(storage.database, storage.owner, results, job_key=run.assignment.key)


async def _report(call: ActionCall, collected: Collected, files: int) -> None:
    for path, text in collected.notices:
        await call.log(f"##[notice]{path}: {text}")
        notice = Annotation(call.attempt.index, "notice", text, file=path)
        call.attempt.run.annotations.append(notice)
    if not files:
        await call.log("##[warning]No file matches the patterns of reports.junit.")
        return
    bad = sum(
        1 for each in collected.results if each.status in (TestStatus.FAILED, TestStatus.ERROR)
    )
    await call.log(f"{len(collected.results)} tests in {files} files, {bad} of them failed")


def _read(run: JobRun, files: Sequence[Path], stop: threading.Event) -> Collected:
    collected = Collected()
    left = MAX_BYTES
    for path in files[:MAX_FILES]:
        name = run.masker.text(_shown(path, run.sandbox.paths.workspace))
        try:
            left -= _read_file(run, path, collected, stop, limit=min(left, MAX_FILE))
        except ReportIsBroken as error:
            collected.notices.append((name, f"The test report was not read: {error}."))
        except OSError as error:
            collected.notices.append((name, f"The test report was not read: {error.strerror}."))
        except _Enough:
            text = f"Only the first {MAX_CASES} tests of this job are kept."
            collected.notices.append((name, text))
            break
    if len(files) > MAX_FILES:
        text = f"Only the first {MAX_FILES} of {len(files)} test reports are read."
        collected.notices.append((str(files[MAX_FILES]), text))
    return collected


def _read_file(
    run: JobRun, path: Path, collected: Collected, stop: threading.Event, *, limit: int
) -> int:
    with os.fdopen(run.sandbox.open_file(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ReportIsBroken(f"it has {size} bytes, {limit} are read at most")

        def add(result: TestResult) -> None:
            if stop.is_set():
                raise Stopped
            if len(collected.results) >= MAX_CASES:
                raise _Enough
            collected.add(result)

        read_junit(file, add, run.masker.text)
    return size


def _shown(path: Path, workspace: Path) -> str:
    return str(path.relative_to(workspace) if path.is_relative_to(workspace) else path)


def _without_details(result: TestResult) -> TestResult:
    return TestResult(
        result.suite,
        result.classname,
        result.name,
        result.file,
        result.status,
        result.duration_s,
        result.message,
        flaky=result.flaky,
    )
