"""Accounts (SQL): registration, authentication, and the keys of the vault."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import insert, select

from shared.accounts.api_keys import ApiKey, ApiKeyStore, Scope, insert_key
from shared.accounts.invitations import use_invitation
from shared.core.errors import AccountSuspended, Forbidden, NotFound
from shared.crypto.vault import ServerSecret, new_vault
from shared.storage.audit_log import ADMIN, SYSTEM, record
from shared.storage.database import Database
from shared.storage.sealed_columns import EMAIL, PUBLIC_KEY
from shared.storage.tables import accounts


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a program with access to usage points. Quotas: requests per day, the gateway's when ``None``."""

    id: str
    created_at: datetime
    email: str | None = field(default=None, repr=False)
    suspended_at: datetime | None = None
    fetch_quota: int | None = None
    read_quota: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated account, with its API key and the unwrapped private key."""

    account: Account
    key: ApiKey
    opened: bytes | None = field(repr=False)

    @property
    def private_key(self) -> bytes:
        """The private key of the vault. Raises `Forbidden` for an API key without a copy of it."""
        if self.opened is None:
            raise Forbidden("This API key does not have the scope read.")
        return self.opened

    def require(self, *scopes: Scope) -> None:
        """Raise `Forbidden` when the key has none of these scopes."""
        if not self.key.scopes.intersection(scopes):
            raise Forbidden(f"This request requires an API key with the scope {' or '.join(scopes)}.")


class AccountStore:
    """The accounts of this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store accounts in ``database``; ``server`` encrypts and authenticates the sensitive columns."""
        self._database = database
        self._server = server
        self.keys = ApiKeyStore(database, server)

    async def create_account(
        self, now: datetime, *, email: str | None = None, invitation: str | None = None
    ) -> tuple[Account, str]:
        """Create an account. Returns it with its first API key, which is shown only once.

        Consumes the ``invitation``, if given. Raises `InvitationRefused` for an invalid one.
        """
        account = Account(f"acct_{secrets.token_hex(12)}", now, email)
        vault = new_vault()
        async with self._database.transaction() as connection:
            invitation_id = None if invitation is None else await use_invitation(connection, invitation, now)
            await connection.execute(
                insert(accounts).values(
                    id=account.id,
                    created_at=now,
                    public_key=self._server.encrypt(vault.public_key, purpose=PUBLIC_KEY.purpose(account.id)),
                    email_sealed=email and self._server.encrypt(email.encode(), purpose=EMAIL.purpose(account.id)),
                )
            )
            key, api_key = await insert_key(connection, self._server, account.id, vault.private_key, now)
            await record(connection, self._server, account.id, now, SYSTEM, "account.created", {"key_id": key.id})
            if invitation_id is not None:
                details = {"invitation_id": invitation_id, "account_id": account.id}
                await record(connection, self._server, ADMIN, now, SYSTEM, "invitation.used", details)
        return account, api_key

    async def authenticate(self, api_key: str, now: datetime | None = None) -> Caller:
        """Authenticate an API key and unwrap the vault's private key; ``now``: the current time by default.

        Raises `Unauthenticated`, the same for every kind of invalid key, and `AccountSuspended` for a valid one.
        """
        now = now or datetime.now(UTC)
        key, private_key, row = await self.keys.open_key(api_key, now)
        if row.account_suspended_at is not None:
            raise AccountSuspended
        sealed = row.account_email_sealed
        email = sealed and self._server.decrypt(sealed, purpose=EMAIL.purpose(row.account_id)).decode()
        account = Account(
            row.account_id,
            row.account_created_at,
            email,
            row.account_suspended_at,
            row.account_fetch_quota,
            row.account_read_quota,
        )
        return Caller(account, key, private_key)

    async def refuse_suspended(self, account_id: str) -> None:
        """Raise `AccountSuspended` if the account is suspended, and `NotFound` if it does not exist."""
        rows = await self._database.read(select(accounts.c.suspended_at).where(accounts.c.id == account_id))
        if not rows:
            raise NotFound
        if rows[0].suspended_at is not None:
            raise AccountSuspended

    async def load_public_key(self, account_id: str) -> bytes:
        """The public key of the vault, which encrypts. Raises `NotFound`."""
        rows = await self._database.read(select(accounts.c.public_key).where(accounts.c.id == account_id))
        if not rows:
            raise NotFound
        return self._server.decrypt(rows[0].public_key, purpose=PUBLIC_KEY.purpose(account_id))
