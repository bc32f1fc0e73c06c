"""The second migration, on a database in use: the upgrade loses nothing, and the downgrade is safe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect

from shared.storage.database import Database, migrate, open_engine

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[4]
NEW = {
    "consents": {"duration", "returns_points", "return_hash", "prms_sealed", "put_off_until"},
    "usage_points": {"first_refused_at", "last_refused_at", "refused_days", "lost_at"},
}
# In SQL that both databases accept; they have no common literal for bytes, except one written as text.
ACCOUNT = "INSERT INTO accounts (id, created_at, public_key) VALUES ('acct_1', '2026-11-22 09:30:00', 'key')"
CONSENT = (
    "INSERT INTO consents (id, account_id, state_hash, status, created_at, state_expires_at) "
    "VALUES ('cons_{0}', 'acct_1', 'state_{0}', '{1}', '2026-11-22 09:30:00', '2026-11-22 09:45:00')"
)
POINT = (
    "INSERT INTO usage_points (id, account_id, consent_id, prm_hash, prm_sealed, consumption, production, created_at) "
    "VALUES ('up_1', 'acct_1', 'cons_1', 'hash', 'sealed', true, false, '2026-11-22 09:30:00')"
)
OLD_COLUMNS = (
    "SELECT id, account_id, consent_id, prm_hash, prm_sealed, consumption, production, created_at FROM usage_points"
)
NEW_COLUMNS = "SELECT first_refused_at, last_refused_at, refused_days, lost_at FROM usage_points"


async def run(url: str, *statements: str) -> Sequence[Any]:
    """The rows of the last statement, if it gives any."""
    database = Database(url)
    rows: Sequence[Any] = []
    async with database.transaction() as connection:
        for statement in statements:
            result = await connection.exec_driver_sql(statement)
            rows = result.all() if result.returns_rows else []
    await database.close()
    return rows


async def columns(url: str, table: str) -> set[str]:
    database = Database(url)
    async with database.engine.connect() as connection:
        found = await connection.run_sync(lambda there: inspect(there).get_columns(table))
    await database.close()
    return {column["name"] for column in found}


async def downgrade(url: str, revision: str) -> None:
    """Downgrade, as an operator does to return to an earlier version; `test_database.py` tests the command itself."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "shared" / "storage" / "migrations"))

    def run_back(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    engine = open_engine(url, limited=False)
    async with engine.begin() as connection:
        await connection.run_sync(run_back)
    await engine.dispose()


async def test_what_was_there_is_there_and_back_again(schema_url: str) -> None:
    await downgrade(schema_url, "0001")
    before = await run(schema_url, ACCOUNT, CONSENT.format(1, "granted"), POINT, OLD_COLUMNS)

    await migrate(schema_url)

    assert all([names <= await columns(schema_url, table) for table, names in NEW.items()])
    assert before == await run(schema_url, OLD_COLUMNS)
    assert [(None, None, None, None)] == await run(schema_url, NEW_COLUMNS)

    await downgrade(schema_url, "0001")

    assert [] == [name for table, names in NEW.items() for name in names & await columns(schema_url, table)]
    assert before == await run(schema_url, OLD_COLUMNS)
    assert 1 == len(before)


async def test_the_version_before_finds_no_status_that_it_does_not_know(schema_url: str) -> None:
    await downgrade(schema_url, "0002")
    statuses = ("lost", "exchanging", "exchanging", "granted")
    consents = [CONSENT.format(number, status) for number, status in enumerate(statuses)]
    await run(schema_url, ACCOUNT, *consents, "UPDATE consents SET prms_sealed = 'points' WHERE id = 'cons_1'")

    await downgrade(schema_url, "0001")

    found = await run(schema_url, "SELECT status, error_code FROM consents ORDER BY id")
    assert [("revoked", None), ("failed", "state_refused"), ("exchanging", None), ("granted", None)] == found
