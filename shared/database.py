"""The SQL database: its tables, its engine, its migrations. SQLite by default, PostgreSQL by URL; one code for both.

It holds what must never be lost. A PRM is there encrypted and as a keyed hash, never in clear; a reading never is.
"""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Instant(TypeDecorator[datetime]):
    """An aware datetime; SQLite keeps none, so it is stored as UTC and comes back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime: it would mean another moment on another machine."""
        if value is not None and value.tzinfo is None:
            raise ValueError("only aware datetimes are stored")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware datetime, whatever the database keeps."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("created_at", Instant, nullable=False),
    # Encrypted with the server's secret, so that who can only write to SQL can't turn future seals to a key of theirs.
    Column("public_key", LargeBinary, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("verifier", String(64), nullable=False, unique=True),
    Column("wrapped_private_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state_hash", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("state_expires_at", Instant, nullable=False),
    Column("expected_prm_hash", String(64)),
    Column("autorisation_id", BigInteger),
    Column("taken_at", Instant),
    Column("granted_at", Instant),
    Column("expires_on", Date),
    Column("error_code", String(64)),
    # What was asked for, in ISO 8601, and whether the page that it was asked on sends usage points back (v1).
    Column("duration", String(16)),
    Column("returns_points", Boolean),
    # Of a return of v1: by which it is known again, and its usage points, encrypted, until they are bound.
    Column("return_hash", String(64)),
    Column("prms_sealed", LargeBinary),
    Column("put_off_until", Instant),
)

usage_points = Table(
    "usage_points",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("consent_id", ForeignKey("consents.id"), nullable=False),
    Column("prm_hash", String(64), nullable=False, index=True),
    Column("prm_sealed", LargeBinary, nullable=False),
    Column("consumption", Boolean, nullable=False),
    Column("production", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Refusals since the last success: `shared.refusals`; all empty when there were none.
    Column("first_refused_at", Instant),
    Column("last_refused_at", Instant),
    Column("refused_days", Integer),
    Column("lost_at", Instant),
    # Datasets that the provider does not have of this point, each with the reason and the moment it said so.
    Column("unavailable", JSON),
    UniqueConstraint("account_id", "prm_hash"),
)


class Database:
    """One database: reads, and transactions."""

    def __init__(self, url: str) -> None:
        """Prepare an engine for ``url``; nothing is connected before it is needed."""
        self.engine = open_engine(url)
        self._sqlite_reader = _open_sqlite_reader(url) if _is_sqlite(url) else None

    async def read(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """The rows of one query, as they are committed now.

        From SQLite on the loop's own thread: a look-up by index takes less time than handing it to the thread of the
        asynchronous driver and back, several times a query, which under load was most of a request's time. Readers
        wait for nobody there, so the loop does not stand still.
        """
        rows: Sequence[Row[Any]]
        if self._sqlite_reader is not None:
            with self._sqlite_reader.connect() as connection:
                rows = connection.execute(query).all()
        else:
            async with self.engine.connect() as away:
                rows = (await away.execute(query)).all()
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose work is committed at the end, or rolled back when an exception leaves."""
        async with self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Give every connection back."""
        if self._sqlite_reader is not None:
            self._sqlite_reader.dispose()
        await self.engine.dispose()


def open_engine(url: str) -> AsyncEngine:
    """An engine for ``url``; a SQLite one waits for other writers and keeps its foreign keys."""
    # What a query was about must not stand in the text of its error.
    # Taken from the module at this moment: tracing may have put its own in that place since this file was read.
    engine = sqlalchemy_asyncio.create_async_engine(url, pool_pre_ping=not _is_sqlite(url), hide_parameters=True)
    if _is_sqlite(url):
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


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
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision``, the newest by default; its directory is made when missing."""
    location = make_url(url)
    if _is_sqlite(url) and location.database:
        Path(location.database).parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(url)
    try:
        async with engine.begin() as connection:
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
