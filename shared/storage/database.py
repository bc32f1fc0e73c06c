"""The SQL database: its engine, transactions and migrations. SQLite by default, PostgreSQL by URL; one code for both.

What it holds is said in `shared.storage.tables`.
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
"""What says that a database can't be used at the moment; the last: a driver in the system's own words."""


class Database:
    """One database: reads, and transactions. The one owner of its connections: after `close` none is opened, and none
    is left to the garbage collector, also when a transaction is under way at that moment."""

    def __init__(self, url: str) -> None:
        """Prepare an engine for ``url``; nothing is connected before it is needed."""
        self._is_closed = False
        self.engine = open_engine(url)
        event.listen(self.engine.sync_engine, "checkin", self._end_when_closed)
        # One query is a transaction of its own without being told: that saves PostgreSQL two round trips.
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sqlite_reader = _open_sqlite_reader(url) if _is_sqlite(url) else None

    async def read(self, query: Select[Any], parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """The rows of one query, as they are committed now.

        A query that is asked with every request is written once, with ``parameters``: to put one together takes longer
        than to answer it.

        From SQLite on the loop's own thread: a look-up by index takes less time than handing it to the thread of the
        asynchronous driver and back, several times a query, which under load was most of a request's time. Readers
        wait for nobody there, so the loop does not stand still.

        Raises `DATABASE_AWAY` when the database can't be used at the moment.
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
        """A connection whose work is committed at the end, or rolled back when an exception leaves.

        Raises `DATABASE_AWAY` when the database can't be used at the moment.
        """
        self._refuse_when_closed()
        async with self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection; those that are in use when their transaction ends. May be called again."""
        self._is_closed = True
        if self._sqlite_reader is not None:
            self._sqlite_reader.dispose()
        await self.engine.dispose()

    def _end_when_closed(self, _connection: object, record: ConnectionPoolEntry) -> None:
        # A pool keeps what comes back to it, though it was disposed of; also when a cancelled task gives it back later.
        if self._is_closed:
            record.invalidate()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise ConnectionError("the database was closed")


async def hold(connection: AsyncConnection, names: Collection[str]) -> None:
    """Wait until nobody else holds one of these names, and hold them until the transaction of ``connection`` ends.

    For a rule over rows that another transaction may be about to write, which no constraint can state. Nothing in
    SQLite: there a transaction that has written something is the only one that writes, so write first.
    """
    if connection.dialect.name == "postgresql":
        await connection.run_sync(postgresql.hold, names)


def open_engine(url: str, *, limited: bool = True) -> AsyncEngine:
    """An engine for ``url``; ``limited``: PostgreSQL gives up what takes too long for a request.

    A SQLite one waits for other writers and keeps its foreign keys. A database that can't be used at the moment raises
    `OperationalError` or `OSError`, whichever it is.
    """
    options = {} if _is_sqlite(url) else postgresql.engine_arguments(limited=limited)
    # What a query was about must not stand in the text of its error.
    # Taken from the module at this moment: tracing may have put its own in that place since this file was read.
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
    # Autocommit: each query sees what is committed at its moment, and no transaction is begun and ended around it.
    engine = sqlalchemy.create_engine(
        make_url(url).set(drivername="sqlite"), hide_parameters=True, isolation_level="AUTOCOMMIT"
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    # Readers don't wait for the writer; a commit survives a crash of the process, which is what a kill is.
    # What is erased is overwritten, not only forgotten.
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
    """Bring the database at ``url`` to ``revision``, the newest by default; its directory is made when missing."""
    location = make_url(url)
    if _is_sqlite(url) and location.database:
        Path(location.database).parent.mkdir(parents=True, exist_ok=True)
    # A migration may take longer than a request: it has as much time as it needs.
    engine = open_engine(url, limited=False)
    try:
        async with engine.begin() as connection:
            # Of several that start at once one migrates, and the others find it done.
            await hold(connection, ["migrate"])
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    # Only a migration needs Alembic; the API and the workers start without loading it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
