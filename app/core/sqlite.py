"""The threads behind SQLite connections.

A caller that is cancelled in the middle of a statement leaves its connection's thread working; if
the event loop closes first, the thread's answer has nowhere to go. So the end of a database waits
for all of them.
"""

import asyncio
import threading
from typing import Any
from weakref import WeakSet


def release_locks(connection: Any) -> None:
    """Have a connection roll back before it is closed because its caller was cancelled.

    SQLite keeps a closed connection and its locks as long as there is a statement with rows to
    read, here until some cursor in some traceback is collected: all writers would wait for that.
    """
    driver = connection.driver_connection
    if driver._connection is not None:  # noqa: SLF001  aiosqlite has no public name for it
        # To its thread, without waiting: what runs there ends first, the close comes after.
        driver._tx.put_nowait((None, driver._connection.rollback))  # noqa: SLF001  as above


class Threads:
    """The connection threads of one database."""

    def __init__(self) -> None:
        self._connections: WeakSet[Any] = WeakSet()
        self._threads: set[threading.Thread] = set()

    def watch(self, connection: Any) -> None:
        """Remember the thread of a new connection (an adapted aiosqlite connection)."""
        driver = connection.driver_connection
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        self._threads.add(driver._thread)  # noqa: SLF001  aiosqlite has no public name for it
        self._connections.add(driver)

    async def ended(self, *, timeout_s: float = 10.0) -> None:
        """Stop what still works and wait until every thread ended, at most `timeout_s`."""
        for driver in list(self._connections):
            if driver._thread.is_alive():  # noqa: SLF001  as above
                driver.stop()
        deadline = asyncio.get_running_loop().time() + timeout_s
        while any(thread.is_alive() for thread in self._threads):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.005)
