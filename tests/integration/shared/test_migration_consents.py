"""The second migration, over a database in use: nothing is lost on the way forward, and the way back is safe."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shared.database import migrate

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
NEW = {
    "consents": {"duration", "returns_points", "return_hash", "prms_sealed", "put_off_until"},
    "usage_points": {"first_refused_at", "last_refused_at", "refused_days", "lost_at"},
}
ACCOUNT = "INSERT INTO accounts VALUES ('acct_1', '2026-11-22 09:30:00', x'00')"
CONSENT = (
    "INSERT INTO consents (id, account_id, state_hash, status, created_at, state_expires_at) "
    "VALUES (?, 'acct_1', ?, ?, '2026-11-22 09:30:00', '2026-11-22 09:45:00')"
)
POINT = "INSERT INTO usage_points VALUES ('up_1', 'acct_1', 'cons_1', 'hash', x'01', 1, 0, '2026-11-22 09:30:00')"


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}


def downgrade(path: Path) -> None:
    """What an operator types who goes back to the version before."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite+aiosqlite:///{path}"}
    subprocess.run([sys.executable, "-m", "alembic", "downgrade", "0001"], cwd=ROOT, env=environment, check=True)


async def test_what_was_there_is_there_and_back_again(tmp_path: Path) -> None:
    path = tmp_path / "used.db"
    url = f"sqlite+aiosqlite:///{path}"
    await migrate(url, "0001")
    with sqlite3.connect(path) as connection:
        connection.execute(ACCOUNT)
        connection.execute(CONSENT, ("cons_1", "state_1", "granted"))
        connection.execute(POINT)
        before = connection.execute("SELECT * FROM usage_points").fetchall()
    connection.close()

    await migrate(url, "0002")

    connection = sqlite3.connect(path)
    assert all(names <= columns(connection, table) for table, names in NEW.items())
    assert [(*before[0], None, None, None, None)] == connection.execute("SELECT * FROM usage_points").fetchall()
    connection.close()

    downgrade(path)

    connection = sqlite3.connect(path)
    assert not [name for table, names in NEW.items() for name in names & columns(connection, table)]
    assert before == connection.execute("SELECT * FROM usage_points").fetchall()
    connection.close()


async def test_the_version_before_finds_no_status_that_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "used.db"
    await migrate(f"sqlite+aiosqlite:///{path}", "0002")
    with sqlite3.connect(path) as connection:
        connection.execute(ACCOUNT)
        for number, status in enumerate(("lost", "exchanging", "exchanging", "granted")):
            connection.execute(CONSENT, (f"cons_{number}", f"state_{number}", status))
        connection.execute("UPDATE consents SET prms_sealed = x'00' WHERE id = 'cons_1'")
    connection.close()

    downgrade(path)

    connection = sqlite3.connect(path)
    found = connection.execute("SELECT status, error_code FROM consents ORDER BY id").fetchall()
    connection.close()
    assert [("revoked", None), ("failed", "state_refused"), ("exchanging", None), ("granted", None)] == found
