"""Queues of labels are consumed by the workers whose own labels cover them."""

import uuid

from app.core.db import Database
from app.jobs.catalog import RunJob
from app.jobs.queues import queue_for
from app.settings import Settings
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory
from tests.jobs.rabbit import Rabbit
from tests.polling import until
from tests.workers.broker.harness import Seen, worker
from workers.actors import Actor

SOURCE = "jobs:\n  a:\n    runs-on: [{labels}]\n    steps:\n      - run: 'true'\n"


async def queued(settings: Settings, *labels: str) -> uuid.UUID:
    """Have a job wait for a worker with these labels; its id. The worker's relay publishes it."""
    database = Database(settings.database_url)
    make = Factory(database)
    source = SOURCE.format(labels=", ".join(labels))
    pipeline = await make.pipeline(await make.project(), source=source)
    driver = Driver(database)
    (job,) = (await driver.jobs(await driver.start(pipeline.id))).values()
    await database.close()
    return job.id


async def test_only_covered_queues_are_consumed_once_a_job_waits_there(
    rabbit: Rabbit, settings: Settings
) -> None:
    settings = settings.model_copy(deep=True)
    settings.worker.labels = ["GPU", "cuda"]
    covered, foreign = queue_for("high", ["gpu"]), queue_for("high", ["gpu", "arm"])
    rabbit.queues |= {covered, foreign}
    seen = Seen()
    with worker(rabbit, settings, {RunJob: Actor(seen, 0)}):
        await queued(settings, "gpu", "arm")
        mine = await queued(settings, "gpu")
        await until(lambda: bool(seen.jobs))
        await until(lambda: rabbit.ready(foreign) == 1)
    assert seen.jobs == [mine]
