"""Fixtures for tests of every level: a real Valkey, a migrated database, settings that point to both.

Each server starts once in a test process that needs it; Valkey is flushed after each test that used it, a database is a
copy of one that was migrated once. No test sees the data of another.
"""

import asyncio
import gc
import logging
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from redis import Redis, RedisError
from structlog._config import BoundLoggerLazyProxy

from cli.up.embedded_valkey import place_socket, valkey_child
from shared.config.settings import Settings, load_settings
from shared.storage.database import migrate
from shared.storage.tables import metadata
from tests.support.guarded import guarding
from tests.support.killable_valkey import KillableValkey
from tests.support.patience import PATIENCE_SECONDS
from tests.support.postgresql import PostgresqlServer, running_postgresql
from tests.support.scheduling import ByGateway, longest_first

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# Tests that exercise SQL: all stores, and the API routes that write most or write concurrently.
ON_BOTH = (
    "tests/integration/shared/",
    "tests/integration/api/accounts/test_accounts.py",
    "tests/integration/api/admin/test_admin_invitations.py",
    "tests/integration/api/consents/test_callback.py",
    "tests/integration/api/accounts/test_erasures.py",
    "tests/integration/api/accounts/test_recovery.py",
)
# No example fails because the machine is busy.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
# The PostgreSQL database that tests share, one after the other, and the one that some tests have to themselves.
MIGRATED, OWN = "migrated", "own"
# Loggers whose level `start_logging` sets in addition to the root's, and the packages whose modules have their own.
_QUIETENED = ("httpx", "httpcore", "celery.worker.strategy", "celery.app.trace")
_OURS = ("api.", "shared.", "workers.")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--database`: the databases on which tests run."""
    parser.addoption(
        "--database",
        choices=(SQLITE, POSTGRESQL, "both"),
        help="run every test that uses an SQL database on this one, or once on each (default: once on each in "
        f"{' and '.join(ON_BOTH)}, the others on {SQLITE})",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGateway:
    """Return the scheduler that distributes tests among processes."""
    return ByGateway(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a database, directly or through its settings, once per database of `--database`."""
    is_on_both = metafunc.definition.nodeid.startswith(ON_BOTH)
    chosen = metafunc.config.getoption("database") or ("both" if is_on_both else SQLITE)
    for fixture in ("database_url", "schema_url"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, [SQLITE, POSTGRESQL] if chosen == "both" else [chosen], indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the longest tests first."""
    longest_first(items)


def pytest_collection_finish() -> None:
    """Exclude imported and collected objects from later garbage collections: they live until the end of the run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logging_left_as_it_was() -> Iterator[None]:
    """Restore the logging configuration: starting the API or a worker in this process changes it."""
    loggers = [logging.getLogger(name) for name in ("", *_QUIETENED)]
    handlers, levels, configured = loggers[0].handlers, [each.level for each in loggers], structlog.is_configured()
    configuration = structlog.get_config()
    yield
    if loggers[0].handlers is handlers and [each.level for each in loggers] == levels:
        return
    loggers[0].handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()
    if configured:
        structlog.configure(**configuration)
    # A logger that was used keeps the configuration that it was used under.
    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS) and isinstance(proxy := vars(module).get("logger"), BoundLoggerLazyProxy):
            vars(proxy).pop("bind", None)


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests (`pytest.mark.anyio`) run on asyncio, as everything here does."""
    return "asyncio"


@pytest.fixture(scope="session")
def embedded_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of this test process's Valkey; tests use `redis_url`, which is flushed after each test."""
    directory = tmp_path_factory.mktemp("valkey")
    place = place_socket(directory)
    child = valkey_child(directory, place.path, stop_stage=0)
    with guarding() as guard:
        if place.private_directory is not None:
            guard.remove(place.private_directory)
        # Nothing that a test writes has to survive.
        server = guard.start([*child.argv, "--appendonly", "no"])
        _await_answer(place.redis_url, server)
        yield place.redis_url
    server.wait()


@pytest.fixture
def redis_url(embedded_valkey: str) -> Iterator[str]:
    """The URL of a real, empty server, for one test."""
    yield embedded_valkey
    with Redis.from_url(embedded_valkey, socket_timeout=PATIENCE_SECONDS) as client:
        client.flushall()


@pytest.fixture
def killable_valkey(tmp_path: Path) -> Iterator[KillableValkey]:
    """A server with an append-only file, used by this test only."""
    with guarding() as guard:
        started = KillableValkey(tmp_path, guard)
        yield started
    started.wait()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file at the latest schema, to copy."""
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    connection = sqlite3.connect(path)
    # Everything into the one file that is copied.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """This test process's PostgreSQL, with a database at the latest schema; tests use `database_url`."""
    with running_postgresql() as server:
        server.create_database(MIGRATED)
        asyncio.run(migrate(server.url(MIGRATED)))
        yield server


@pytest.fixture
def empty_postgresql_url(postgresql: PostgresqlServer) -> Iterator[str]:
    """The URL of a PostgreSQL database without tables, used by this test only."""
    postgresql.create_database(OWN)
    yield postgresql.url(OWN)
    postgresql.drop_database(OWN)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated database, used by this test only, on the database system that `--database` names.

    An SQLite file; or the shared database of a real PostgreSQL, emptied after each test, which takes a tenth of the
    time of creating one. A test that changes the schema uses `schema_url`.
    """
    if request.param == POSTGRESQL:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        yield server.url(MIGRATED)
        # Tests have few rows: DELETE is faster than TRUNCATE, which creates new files.
        server.clear_database(MIGRATED, [str(table.delete()) for table in reversed(metadata.sorted_tables)])
    else:
        yield _sqlite_copy(request.getfixturevalue("migrated_database"), tmp_path)


@pytest.fixture
def schema_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Like `database_url`, for a test that changes the schema: a separate database on both systems."""
    if request.param == POSTGRESQL:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        server.create_database(OWN, template=MIGRATED)
        yield server.url(OWN)
        server.drop_database(OWN)
    else:
        yield _sqlite_copy(request.getfixturevalue("migrated_database"), tmp_path)


@pytest.fixture
def stored_bytes(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], bytes]:
    """Return a function that reads everything this test's database has on disk at the time of the call."""
    url: str = request.getfixturevalue("database_url")
    if url.startswith(POSTGRESQL):
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        return partial(server.stored_bytes, MIGRATED)
    return lambda: b"".join(path.read_bytes() for path in tmp_path.glob("releve.db*"))


@pytest.fixture
def settings(redis_url: str, database_url: str, tmp_path: Path) -> Settings:
    """Settings for the real stores of this test; registration is open, Enedis is unreachable."""
    return load_settings(
        {
            # Generated: processes that tests start reject published secrets.
            "RELEVE_SECRET_KEY": secrets.token_hex(32),
            "ADMIN_API_KEY": secrets.token_hex(32),
            "RELEVE_REGISTRATION": "open",
            # All tests come from one address.
            "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
            "RELEVE_FAILED_LOGINS_PER_MINUTE": "100000",
            "RELEVE_CONSENTS_PER_HOUR": "100000",
            "RELEVE_CONSENT_RETURNS_PER_HOUR": "100000",
            "RELEVE_DATA_DIR": str(tmp_path),
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            # The discard port: nothing listens there, so a test without its simulator fails immediately.
            "ENEDIS_BASE_URL": "http://127.0.0.1:9",
            "ENEDIS_AUTHORIZE_URL": "http://127.0.0.1:9/dataconnect/v2/oauth2/authorize",
            "ENEDIS_CLIENT_ID": "application-under-test",
            "ENEDIS_CLIENT_SECRET": "not-a-secret",
        }
    )


def _sqlite_copy(migrated: Path, directory: Path) -> str:
    path = directory / "releve.db"
    shutil.copyfile(migrated, path)
    return f"sqlite+aiosqlite:///{path}"


def _await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except RedisError:
                assert server.poll() is None, "the embedded server ended"
                assert time.monotonic() < deadline, "the embedded server does not answer"
                time.sleep(0.01)
            else:
                return
