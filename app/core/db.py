"""Sessions and transactions: the only commits of the application besides the worker's runtime.

One engine per event loop. On SQLite a writing transaction begins IMMEDIATE, so that two writers
queue instead of failing half-way; on MySQL and MariaDB all connections read committed.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NewType, TypeVar

from sqlalchemy import Connection, PoolResetState, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.core.errors import Unavailable
from app.core.sqlite import Threads, release_locks

T = TypeVar("T")
ReadSession = NewType("ReadSession", AsyncSession)
"""A session that never writes; mypy stops it from reaching a writing service."""

__all__ = ["AsyncSession", "Database", "ReadSession", "Replay", "after_commit", "is_unavailable"]

_REPLAYED = {1020, 1205, 1213}
"""MySQL errors: record has changed, lock wait time-out, deadlock."""
_AWAY = {1040, 1053, 1927, 2002, 2003, 2006, 2013, 2055, 3024, 4031}
"""MySQL errors: too many connections, shutting down, gone away, cannot connect, lost."""
_OLDEST_S = 3600
"""After this long a connection is made anew, however busy it is."""


class Database:
    """One database: its engine, its transactions.

    Parameters: `url` is a SQLAlchemy URL with an async driver; `insert_returning` False makes
    MariaDB behave as MySQL, which has no RETURNING; `idle_s` is after how many seconds without a
    statement the server ends a transaction and frees its locks: its process is frozen, or its
    host is gone without a word.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        insert_returning: bool = True,
        pool_timeout_s: float = 10.0,
        idle_s: float = 20.0,
    ) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": pool_size, "pool_timeout": pool_timeout_s}
        if self.is_sqlite:
            options |= {"connect_args": {"timeout": 30}}
        else:
            options |= {
                "isolation_level": "READ COMMITTED",
                "pool_recycle": _OLDEST_S,
                "pool_pre_ping": False,
                # See _skip_needless_rollback.
                "pool_reset_on_return": None,
                "connect_args": {
                    "connect_timeout": 5,
                    "init_command": _settings(max(2, round(idle_s))),
                },
            }
        self.engine = create_async_engine(url, **options)
        self._threads = Threads()
        if self.is_sqlite:
            self._prepare_sqlite()
        else:
            _skip_needless_rollback(self.engine)
            _leave_idle_connections(self.engine, idle_s / 2)
            if not insert_returning:
                self.engine.dialect.insert_returning = False
        self._write = async_sessionmaker(self.engine, expire_on_commit=False)
        reading = self.engine.execution_options(ansflow_read=True)
        self._read = async_sessionmaker(reading, expire_on_commit=False, autoflush=False)

    def _prepare_sqlite(self) -> None:
        @event.listens_for(self.engine.sync_engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            self._threads.watch(connection)
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in (
                "journal_mode=WAL",
                "synchronous=NORMAL",
                "foreign_keys=ON",
                "busy_timeout=30000",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(self.engine.sync_engine, "invalidate")
        def invalidated(connection: Any, _record: Any, _error: Any) -> None:
            release_locks(connection)

        @event.listens_for(self.engine.sync_engine, "begin")
        def begun(connection: Any) -> None:
            reads = connection.get_execution_options().get("ansflow_read")
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back on an error.

        Raises: Unavailable when the database cannot be reached.
        """
        async with self._write() as session:
            try:
                yield session
                await session.commit()
            except DBAPIError as error:
                await _roll_back(session)
                if is_unavailable(error):
                    raise Unavailable("the database cannot be reached") from error
                raise
            except BaseException:
                await _roll_back(session)
                raise
        _run_after_commit(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A transaction that only reads.

        Raises: Unavailable when the database cannot be reached.
        """
        try:
            async with self._read() as session:
                yield ReadSession(session)
        except (DBAPIError, OSError, PoolTimeout) as error:
            if is_unavailable(error):
                raise Unavailable("the database cannot be reached") from error
            raise

    async def transact(self, fn: Callable[[AsyncSession], Awaitable[T]], *, attempts: int = 5) -> T:
        """Run `fn` in a transaction of its own; replay it whole when the database asks for it.

        Parameters: `fn` has no side effect outside the session and locks the execution first;
        `attempts` bounds the replays (deadlock, lock time-out, changed record, busy).
        Raises: Unavailable when the database cannot be reached; what `fn` raises.
        """
        for attempt in range(1, attempts + 1):
            session = self._write()
            try:
                result = await fn(session)
                await session.commit()
            except BaseException as error:
                await _roll_back(session)
                if is_unavailable(error):
                    raise Unavailable("the database cannot be reached") from error
                if attempt == attempts or not is_replayable(error):
                    raise
            else:
                _run_after_commit(session)
                return result
            finally:
                await asyncio.shield(session.close())
            await asyncio.sleep(random.uniform(0.0, 0.02 * 2**attempt))  # noqa: S311  jitter
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close all connections and wait until their threads ended."""
        await self.engine.dispose()
        await self._threads.ended()


def _settings(idle_s: int) -> str:
    # MySQL cannot tell idle transactions from idle connections. Each server skips the comment that
    # is for the other one.
    return (
        "SET time_zone = '+00:00', innodb_lock_wait_timeout = 10"
        f" /*M!100300 , idle_transaction_timeout = {idle_s} */"
        f" /*!80000 , wait_timeout = {idle_s} */"
    )


def _skip_needless_rollback(engine: AsyncEngine) -> None:
    """Save the round trip of the ROLLBACK with which a pool takes back a connection.

    It says nothing after a COMMIT or ROLLBACK that went through: the server's last answer was then
    that no transaction is open. In all other cases it is sent.
    """

    def ending(connection: Connection) -> None:
        if not connection.invalidated:  # Then there is none to note it on.
            connection.info["ending"] = True

    event.listen(engine.sync_engine, "commit", ending)
    event.listen(engine.sync_engine, "rollback", ending)

    @event.listens_for(engine.sync_engine, "reset")
    def returned(connection: Any, record: Any, state: PoolResetState) -> None:
        ending = record is not None and record.info.pop("ending", False)
        if state.terminate_only or not state.asyncio_safe or state.transaction_was_reset:
            return
        driver = connection.driver_connection
        if not (ending and driver.connected and not driver.get_transaction_status()):
            connection.rollback()


def _leave_idle_connections(engine: AsyncEngine, idle_s: float) -> None:
    """Never take a connection from the pool that the server may have ended for being idle."""

    @event.listens_for(engine.sync_engine, "checkin")
    def returned(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def taken(_connection: Any, record: Any, _proxy: Any) -> None:
        idle_since = record.info.pop("idle_since", None)
        if idle_since is not None and time.monotonic() - idle_since > idle_s:
            raise DisconnectionError("it was idle for too long")


async def _roll_back(session: AsyncSession) -> None:
    try:
        await session.rollback()
    except (DBAPIError, OSError):
        await session.invalidate()


def after_commit(session: AsyncSession, call: Callable[[], None]) -> None:
    """Have `call` run right after this session's commit; never if it rolls back."""
    session.info.setdefault("after_commit", []).append(call)


def _run_after_commit(session: AsyncSession) -> None:
    for call in session.info.pop("after_commit", ()):
        call()


class Replay(Exception):
    """Raised inside `transact`: what this transaction has read is no longer true."""


def is_replayable(error: BaseException) -> bool:
    """True for errors after which the same transaction may well succeed."""
    if isinstance(error, Replay):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return _number(error) in _REPLAYED or "database is locked" in str(error.orig)


def is_unavailable(error: BaseException) -> bool:
    """True for errors that say the database is away, not that the statement is wrong."""
    if isinstance(error, (InterfaceError, PoolTimeout, ConnectionError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, OperationalError):
        return _number(error) in _AWAY or "unable to open database" in str(error.orig)
    return False


def _number(error: DBAPIError) -> int | None:
    arguments = error.orig.args if error.orig is not None else ()
    return arguments[0] if arguments and isinstance(arguments[0], int) else None
