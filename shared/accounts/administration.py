"""The administration of accounts (SQL), without access to readings, PRMs or names.

Every change is recorded twice, in the account's own audit chain and in that of the administrators.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import NotFound
from shared.crypto.server_secret import ServerSecret
from shared.storage.audit_log import ADMIN, record
from shared.storage.database import Database
from shared.storage.row_locks import begin_writing, lock_account
from shared.storage.sealed_columns import EMAIL
from shared.storage.tables import accounts, api_keys, usage_points


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account as an administrator sees it."""

    id: str
    created_at: datetime
    suspended_at: datetime | None
    fetch_quota: int | None
    read_quota: int | None
    usage_point_count: int
    key_count: int


class Administration:
    """The accounts of this gateway, for its administrators."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Use ``database``; ``server`` decrypts e-mail addresses and authenticates the audit log."""
        self._database = database
        self._server = server

    async def list_accounts(self, after: str = "", limit: int = 100) -> list[AccountOverview]:
        """A page of the accounts, ordered by id, without e-mail addresses."""
        query = _overview().where(accounts.c.id > after).order_by(accounts.c.id).limit(limit)
        return [_account(row) for row in await self._database.read(query)]

    async def load_account(self, account_id: str) -> AccountOverview:
        """One account. Raises `NotFound`."""
        rows = await self._database.read(_overview().where(accounts.c.id == account_id))
        if not rows:
            raise NotFound("There is no such account.")
        return _account(rows[0])

    async def show_email(self, account_id: str, now: datetime) -> str | None:
        """The e-mail address of an account, ``None`` without one; the access is recorded in the audit log. Raises
        `NotFound`."""
        async with self._database.transaction() as connection:
            await lock_account(connection, account_id)
            sealed = await connection.scalar(select(accounts.c.email_sealed).where(accounts.c.id == account_id))
            if sealed is None:
                return None
            await record_for_both(connection, self._server, account_id, now, "account.email_shown")
            return self._server.decrypt(sealed, purpose=EMAIL.purpose(account_id)).decode()

    async def change_account(
        self, account_id: str, now: datetime, *, suspended: bool | None = None, quotas: Mapping[str, int | None]
    ) -> None:
        """Suspend or resume an account, and set the given ``quotas`` (``fetch_quota``, ``read_quota``: requests per
        day; ``None``: the gateway's default). Unchanged values have no effect. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            await lock_account(connection, account_id)
            this_account = accounts.c.id == account_id
            row = (await connection.execute(select(accounts).where(this_account))).one()
            if suspended is not None and suspended != (row.suspended_at is not None):
                suspended_at = now if suspended else None
                await connection.execute(update(accounts).where(this_account).values(suspended_at=suspended_at))
                action = "account.suspended" if suspended else "account.resumed"
                await record_for_both(connection, self._server, account_id, now, action)
            changed = {name: value for name, value in quotas.items() if getattr(row, name) != value}
            if changed:
                await connection.execute(update(accounts).where(this_account).values(changed))
                await record_for_both(connection, self._server, account_id, now, "account.quotas_set", changed)

    async def note(self, account_id: str, now: datetime, action: str, details: Mapping[str, Any] | None = None) -> None:
        """Record an administrator's action on an account that is about to happen outside SQL. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            await lock_account(connection, account_id)
            await record_for_both(connection, self._server, account_id, now, action, details)

    async def note_for_gateway(self, now: datetime, action: str, details: Mapping[str, Any] | None = None) -> None:
        """Record an administrator's action that is about to happen and concerns no single account."""
        async with self._database.transaction() as connection:
            await begin_writing(connection)
            await record(connection, self._server, ADMIN, now, ADMIN, action, details)


async def record_for_both(
    connection: AsyncConnection,
    server: ServerSecret,
    account_id: str,
    now: datetime,
    action: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an administrator's action to the account's chain and to the administrators'; ids and codes only."""
    # Always in this order, to avoid deadlocks: adding to a chain locks it.
    await record(connection, server, account_id, now, ADMIN, action, details)
    await record(connection, server, ADMIN, now, ADMIN, action, {"account_id": account_id, **(details or {})})


def _overview() -> Select[Any]:
    return select(
        accounts,
        _count(usage_points.c.account_id).label("usage_point_count"),
        _count(api_keys.c.account_id).label("key_count"),
    )


def _count(of_account: Any) -> Any:
    return select(func.count()).where(of_account == accounts.c.id).scalar_subquery()


def _account(row: Row[Any]) -> AccountOverview:
    return AccountOverview(
        row.id,
        row.created_at,
        row.suspended_at,
        row.fetch_quota,
        row.read_quota,
        row.usage_point_count,
        row.key_count,
    )
