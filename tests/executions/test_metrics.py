"""Metrics count what is committed, in the process where it happened."""

from prometheus_client import REGISTRY

from app.core.clock import new_id
from app.core.db import Database
from app.core.log_chunks import Times, compress, digest, encode_times
from app.logs.writing import ChunkRow, write_chunks
from tests.executions.conftest import Launch
from tests.executions.driver import Driver

SOURCE = "jobs: {a: {runs-on: linux, steps: [{run: x}]}}"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"ansflow_{name}", labels) or 0.0


async def test_an_execution_and_its_job_are_measured_once(driver: Driver, launch: Launch) -> None:
    ended = value("executions_total", status="success")
    jobs = value("job_duration_seconds_count", status="success")
    waits = value("job_wait_seconds_count")
    execution = await launch(SOURCE)
    claimed = await driver.claim(execution, "a")
    assert claimed is not None
    assert value("job_wait_seconds_count") == waits + 1
    assert value("job_duration_seconds_count", status="success") == jobs
    for _ in range(2):
        await driver.finish(claimed)
    assert value("executions_total", status="success") == ended + 1
    assert value("job_duration_seconds_count", status="success") == jobs + 1


async def test_a_job_that_never_ran_has_no_duration(
    driver: Driver, launch: Launch, database: Database
) -> None:
    ended = value("executions_total", status="cancelled")
    jobs = value("job_duration_seconds_count", status="cancelled")
    execution = await launch(SOURCE)
    await driver.cancel(execution)
    assert value("executions_total", status="cancelled") == ended + 1
    assert value("job_duration_seconds_count", status="cancelled") == jobs


async def test_bytes_of_logs_count_once_they_are_stored(
    driver: Driver, launch: Launch, database: Database
) -> None:
    execution = await launch(SOURCE)
    claimed = await driver.claim(execution, "a")
    assert claimed is not None
    data, times = compress(b"x\n"), encode_times(Times(((1, 180_000_000_000),)))
    chunk = ChunkRow(
        step_id=claimed.steps[0],
        index=0,
        attempt=1,
        number=1,
        first_line=1,
        line_count=1,
        raw_bytes=12345,
        digest=digest(data, times),
        data=data,
        times=times,
    )
    before = value("log_bytes_total")
    assert not await write_chunks(database, job_id=claimed.job_id, token=new_id(), chunks=[chunk])
    assert value("log_bytes_total") == before
    for _ in range(2):
        assert await write_chunks(
            database, job_id=claimed.job_id, token=claimed.token, chunks=[chunk]
        )
    assert value("log_bytes_total") == before + 12345
