"""Accounts and their API keys (SQL): who may come in, and with what their vault opens.

An API key passes through here twice, when it is made and when it is checked; it is never stored.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select

from shared.database import Database, accounts, api_keys
from shared.errors import NotFound, Unauthenticated
from shared.vault import (
    CannotOpen,
    MalformedApiKey,
    ServerSecret,
    check_api_key,
    new_api_key,
    new_vault,
    unwrap_private_key,
    verifier,
    wrap_private_key,
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a program with a right to some usage points."""

    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that has shown one of its API keys, and the private key that opens its vault."""

    account: Account
    key_id: str
    private_key: bytes = field(repr=False)


class AccountStore:
    """The accounts of this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep accounts in ``database``; ``server`` closes what SQL must not show or change."""
        self._database = database
        self._server = server

    async def create_account(self, now: datetime) -> tuple[Account, str]:
        """A new account and its first API key: the only time that the key is seen."""
        account = Account(f"acct_{secrets.token_hex(12)}", now)
        key_id = f"key_{secrets.token_hex(8)}"
        api_key = new_api_key()
        secret = check_api_key(api_key)
        vault = new_vault()
        wrapped = wrap_private_key(vault.private_key, secret, account_id=account.id, key_id=key_id)
        public_key = self._server.encrypt(vault.public_key, purpose=_public_key_purpose(account.id))
        async with self._database.transaction() as connection:
            await connection.execute(insert(accounts).values(id=account.id, created_at=now, public_key=public_key))
            await connection.execute(
                insert(api_keys).values(
                    id=key_id,
                    account_id=account.id,
                    verifier=verifier(secret),
                    wrapped_private_key=wrapped,
                    created_at=now,
                )
            )
        return account, api_key

    async def authenticate(self, api_key: str) -> Caller:
        """Who shows this key, with the vault opened. Raises `Unauthenticated`, the same for every kind of wrong key."""
        try:
            secret = check_api_key(api_key)
        except MalformedApiKey:
            raise Unauthenticated from None
        shown = verifier(secret)
        query = (
            select(api_keys, accounts.c.created_at.label("account_created_at"))
            .join_from(api_keys, accounts)
            .where(api_keys.c.verifier == shown)
        )
        rows = await self._database.read(query)
        if not rows or not hmac.compare_digest(rows[0].verifier, shown):
            raise Unauthenticated
        row = rows[0]
        try:
            private_key = unwrap_private_key(row.wrapped_private_key, secret, account_id=row.account_id, key_id=row.id)
        except CannotOpen:
            raise Unauthenticated from None
        return Caller(Account(row.account_id, row.account_created_at), row.id, private_key)

    async def load_public_key(self, account_id: str) -> bytes:
        """The half of the vault's key pair that seals. Raises `NotFound`."""
        rows = await self._database.read(select(accounts.c.public_key).where(accounts.c.id == account_id))
        if not rows:
            raise NotFound
        return self._server.decrypt(rows[0].public_key, purpose=_public_key_purpose(account_id))


def _public_key_purpose(account_id: str) -> str:
    return f"public-key:{account_id}"
