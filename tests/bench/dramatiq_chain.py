"""The reference of `chain`: Dramatiq as it comes, on the same broker and database.

Each link runs the process of a step and commits three one-row transactions, then sends the next.
"""

import asyncio
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

import asyncmy
import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from sqlalchemy.engine import make_url

from tests.services.urls import rabbitmq_url


async def bare_chain(database_url: str, command: Sequence[str], *, links: int) -> float:
    """Seconds from the first send to the end of the last link, with an idle worker.

    Parameters: `command` is what the runner starts for the step of a job.
    """
    return await asyncio.to_thread(_chain, database_url, command, links)


def _chain(database_url: str, command: Sequence[str], links: int) -> float:
    broker = RabbitmqBroker(url=rabbitmq_url())
    queue = f"ansflow-bench-{secrets.token_hex(6)}"
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(_connect(database_url))
    ended = threading.Event()

    def link(number: int) -> None:
        subprocess.run(command, check=True)  # noqa: S603  our own command
        for _ in range(3):
            loop.run_until_complete(_insert(connection, number))
        if number == links:
            ended.set()
        else:
            actor.send(number + 1)

    actor = dramatiq.actor(queue_name=queue, broker=broker, max_retries=0)(link)
    worker = dramatiq.Worker(broker, worker_threads=1)
    worker.start()
    try:
        time.sleep(0.3)  # the consumer is there before the clock starts
        started = time.perf_counter()
        actor.send(1)
        assert ended.wait(30)
        return time.perf_counter() - started
    finally:
        worker.stop()
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            broker.channel.queue_delete(name)
        broker.close()
        connection.close()
        loop.close()


async def _connect(database_url: str) -> Any:
    url = make_url(database_url)
    connection = await asyncmy.connect(
        host=url.host,
        port=url.port or 3306,
        user=url.username or "root",
        password=url.password or "",
        db=url.database,
    )
    async with connection.cursor() as cursor:
        await cursor.execute(
            "CREATE TABLE IF NOT EXISTS bench_links (id INT AUTO_INCREMENT PRIMARY KEY, "
            "number INT NOT NULL)"
        )
    return connection


async def _insert(connection: Any, number: int) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("INSERT INTO bench_links (number) VALUES (%s)", (number,))
    await connection.commit()
