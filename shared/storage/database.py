"""The SQL database: its engine, transactions and migrations. SQLite by default, PostgreSQL by URL; one code for both.

The tables are in `shared.storage.tables`.
"""

import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    event,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from shared.storage import postgresql

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
"""The errors of a temporarily unavailable database; the last one is raised by drivers for system errors."""


class Database:
    """One database: reads and transactions. The only owner of its connections: after `close` none is opened, and none
    is left to the garbage collector, even if a transaction is in progress."""

    def __init__(self, url: str) -> None:
        """Prepare an engine for ``url``; it connects on first use."""
        self._is_closed = False
        self.engine = open_engine(url)
        event.listen(self.engine.sync_engine, "checkin", self._end_when_closed)
        # A single query is an implicit transaction, which saves two round trips with PostgreSQL.
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sqlite_reader = _open_sqlite_reader(url) if _is_sqlite(url) else None

    async def read(self, query: Select[Any], parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """The rows of one query, as committed now.

        Queries that run with every request should be built once, with ``parameters``: building one takes longer than
        executing it.

        SQLite queries run on the thread of the event loop: an index lookup takes less time than the thread switches of
        the asynchronous driver, several per query, which under load took most of the time of a request. Readers never
        wait for a lock in SQLite, so the event loop is not blocked.

        Raises `DATABASE_AWAY` when the database is temporarily unavailable.
        """
        self._refuse_when_closed()
        rows: Sequence[Row[Any]]
        if self._sqlite_reader is not None:
            with self._sqlite_reader.connect() as connection:
                rows = connection.execute(query, parameters).all()
        else:
            async with self._reader.connect() as away:
                rows = (await away.execute(query, parameters)).all()
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection with a transaction that is committed at the end, or rolled back on an exception.

        Raises `DATABASE_AWAY` when the database is temporarily unavailable.
        """
        self._refuse_when_closed()
        async with self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection; those in use are closed when their transaction ends. Idempotent."""
        self._is_closed = True
        if self._sqlite_reader is not None:
            self._sqlite_reader.dispose()
        await self.engine.dispose()

    def _end_when_closed(self, _connection: object, record: ConnectionPoolEntry) -> None:
        # A disposed pool still keeps connections that are returned to it, for example later by a cancelled task.
        if self._is_closed:
            record.invalidate()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise ConnectionError("the database was closed")


async def hold(connection: AsyncConnection, names: Collection[str]) -> None:
    """Wait until no other transaction holds one of these names, and hold them until that of ``connection`` ends.

    For rules over rows of concurrent transactions that no constraint can express. No effect in SQLite, where a
    transaction that has written something is the only writer, so write first.
    """
    if connection.dialect.name == "postgresql":
        await connection.run_sync(postgresql.hold, names)


def open_engine(url: str, *, limited: bool = True) -> AsyncEngine:
    """An engine for ``url``; ``limited``: PostgreSQL aborts statements that take too long for a request.

    An SQLite engine waits for other writers and enforces foreign keys. Both kinds raise `OperationalError` or `OSError`
    while the database is temporarily unavailable.
    """
    options = {} if _is_sqlite(url) else postgresql.engine_arguments(limited=limited)
    # The text of an error must not contain query parameters.
    # Looked up in the module at call time, because tracing may have replaced the function after this import.
    engine = sqlalchemy_asyncio.create_async_engine(_with_driver(url), hide_parameters=True, **options)
    if _is_sqlite(url):
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    else:
        postgresql.prepare_engine(engine)
    return engine


def _with_driver(url: str) -> URL:
    location = make_url(url)
    if location.drivername == "sqlite":
        return location.set(drivername="sqlite+aiosqlite")
    return postgresql.with_driver(location)


def _open_sqlite_reader(url: str) -> Engine:
    # Autocommit: each query sees the currently committed data, without the overhead of a transaction.
    engine = sqlalchemy.create_engine(
        make_url(url).set(drivername="sqlite"), hide_parameters=True, isolation_level="AUTOCOMMIT"
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    # Readers don't wait for the writer; a commit survives a crash or kill of the process.
    # Erased data is overwritten on disk.
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=10000",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database at ``url`` to ``revision``, the newest by default; creates its directory if missing."""
    location = make_url(url)
    if _is_sqlite(url) and location.database:
        Path(location.database).parent.mkdir(parents=True, exist_ok=True)
    # A migration may take longer than a request and has no time limit.
    engine = open_engine(url, limited=False)
    try:
        async with engine.begin() as connection:
            # When several processes start concurrently, one migrates and the others wait.
            await hold(connection, ["migrate"])
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    # Imported here, so that the API and the workers start without Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
