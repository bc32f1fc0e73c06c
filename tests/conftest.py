"""What tests of every level share: a real Valkey, a migrated database, settings that point to both.

The server is started once in each test process and emptied after each test that used it; a database is a copy of one
that was migrated once. No test sees what another one left.
"""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis, RedisError

from cli import guard
from cli.valkey import place_socket, valkey_child
from shared.config import Settings, load_settings
from shared.database import migrate

START_SECONDS = 20.0


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests (`pytest.mark.anyio`) run on asyncio, as everything here does."""
    return "asyncio"


@pytest.fixture(scope="session")
def embedded_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Valkey of this test process; take `redis_url`, which is emptied after each test."""
    directory = tmp_path_factory.mktemp("valkey")
    place = place_socket(directory)
    # The same guard as under `releve up`: the server goes away however this process ends.
    guarding = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, "watch"],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert guarding.stdin is not None
    child = valkey_child(directory, place.path, stop_stage=0)
    # Nothing that a test writes has to survive.
    server = subprocess.Popen([*child.argv, "--appendonly", "no"], start_new_session=True)
    guarding.stdin.write(f"group {server.pid} 0\n")
    if place.private_directory is not None:
        guarding.stdin.write(f"directory {place.private_directory}\n")
    guarding.stdin.flush()
    try:
        _await_answer(place.redis_url, server)
        yield place.redis_url
    finally:
        guarding.stdin.close()
        guarding.wait()
        server.wait()


@pytest.fixture
def redis_url(embedded_valkey: str) -> Iterator[str]:
    """The address of a real server that holds nothing, for one test."""
    yield embedded_valkey
    with Redis.from_url(embedded_valkey) as client:
        client.flushall()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file at the newest schema, to copy."""
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    connection = sqlite3.connect(path)
    # Everything into the one file that is copied.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def database_url(migrated_database: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite database of this test alone."""
    path = tmp_path / "releve.db"
    shutil.copyfile(migrated_database, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def settings(redis_url: str, database_url: str, tmp_path: Path) -> Settings:
    """Settings over the real stores of this test; registration is open, Enedis is nowhere."""
    return load_settings(
        {
            "RELEVE_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
            "RELEVE_REGISTRATION": "open",
            "RELEVE_DATA_DIR": str(tmp_path),
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            # Discard: nothing listens there, so a test that forgot its simulator fails at once.
            "ENEDIS_BASE_URL": "http://127.0.0.1:9",
            "ENEDIS_AUTHORIZE_URL": "http://127.0.0.1:9/dataconnect/v2/oauth2/authorize",
            "ENEDIS_CLIENT_ID": "application-under-test",
            "ENEDIS_CLIENT_SECRET": "not-a-secret",
        }
    )


def _await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
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
