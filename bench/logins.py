"""Time to authenticate a key, among a thousand accounts and among a million: the lookup must not depend on it.

Valid, unknown and malformed keys, on SQLite, alternating so that noise affects all of them equally.
"""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.accounts.store import AccountStore
from shared.core.errors import Unauthenticated
from shared.crypto.api_key_format import new_api_key
from shared.crypto.vault import ServerSecret
from shared.storage.database import Database, migrate

SMALL, LARGE = 1_000, 1_000_000
_LOGINS = 400
_WRAPPED_BYTES, _PUBLIC_KEY_BYTES = 61, 65  # about as long as real ones


def measure_logins() -> dict[str, Any]:
    """Microseconds of CPU and database time per login, median: by kind of key and by number of accounts."""
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as directory:
        return asyncio.run(_measure(Path(directory)))


async def _measure(directory: Path) -> dict[str, Any]:
    now = datetime.now(UTC)
    stores: dict[int, tuple[AccountStore, Database, list[str]]] = {}
    for accounts in (SMALL, LARGE):
        path = directory / f"{accounts}.db"
        await migrate(f"sqlite+aiosqlite:///{path}")
        _fill(path, accounts)
        database = Database(f"sqlite+aiosqlite:///{path}")
        store = AccountStore(database, ServerSecret("a-secret-of-the-bench-alone-0123456789"))
        keys = [(await store.create_account(now))[1] for _ in range(20)]
        for key in keys:
            await store.authenticate(key, now)  # records the hour of use, once
        stores[accounts] = store, database, keys
    taken: dict[str, list[float]] = {}
    for number in range(_LOGINS):
        for accounts, (store, _, keys) in stores.items():
            shown = {"right": keys[number % len(keys)], "unknown": new_api_key(), "malformed": "rlv_" + "0" * 49}
            for kind, key in shown.items():
                seconds = await _timed(lambda store=store, key=key: store.authenticate(key, now))  # type: ignore[misc]  # the defaults bind
                taken.setdefault(f"login_{kind}_among_{accounts}_us", []).append(seconds)
    for _, database, _ in stores.values():
        await database.close()
    figures: dict[str, Any] = {name: round(statistics.median(each) * 1e6, 1) for name, each in taken.items()}
    small, large = (figures[f"login_right_among_{accounts}_us"] for accounts in (SMALL, LARGE))
    return figures | {"login_million_to_thousand": round(large / small, 2)}


async def _timed(login: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    with suppress(Unauthenticated):
        await login()
    return time.perf_counter() - begun


def _fill(path: Path, accounts: int) -> None:
    """Accounts without known keys, in the form of real ones."""
    moment = "2026-01-01 00:00:00.000000"
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO accounts (id, created_at, public_key) VALUES (?, ?, ?)",
            ((f"acct_{number:024x}", moment, os.urandom(_PUBLIC_KEY_BYTES)) for number in range(accounts)),
        )
        connection.executemany(
            "INSERT INTO api_keys (id, account_id, verifier, wrapped_private_key, created_at) VALUES (?, ?, ?, ?, ?)",
            (
                (f"key_{number:016x}", f"acct_{number:024x}", os.urandom(32).hex(), os.urandom(_WRAPPED_BYTES), moment)
                for number in range(accounts)
            ),
        )
    connection.close()
