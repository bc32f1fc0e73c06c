"""API keys (SQL): their scopes, their expiry, and the copy of the vault's private key that each of them unwraps.

An API key is present only at creation and authentication; it is never stored. A key without the scope to read has no
copy of the private key, so it can't decrypt anything, independently of any permission check.
"""

import hmac
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import Forbidden, LastKey, LimitReached, NotFound, Unauthenticated
from shared.crypto.api_key_format import check_api_key, new_api_key, verifier
from shared.crypto.jwt_api_keys import TokenClaims, check_token_key, is_token_key, new_token_key
from shared.crypto.vault import CannotOpen, MalformedApiKey, ServerSecret, unwrap_private_key, wrap_private_key
from shared.storage.audit_log import record
from shared.storage.database import Database
from shared.storage.row_locks import lock_account
from shared.storage.sealed_columns import KEY_NAME
from shared.storage.tables import accounts, api_keys

MOST_KEYS = 50
"""The maximum number of keys per account."""
_HOUR = timedelta(hours=1)

_OF_VERIFIER = (
    select(api_keys, *(column.label(f"account_{column.name}") for column in accounts.c if column.name != "id"))
    .join_from(api_keys, accounts)
    .where(api_keys.c.verifier == bindparam("shown"))
)


class Scope(StrEnum):
    """The permissions of a key: read stored data, fetch data, manage the account."""

    READ = "read"
    FETCH = "fetch"
    MANAGE = "manage"


EVERY_SCOPE = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The stored properties of a key, without its text. ``last_used_at``: to the hour."""

    id: str
    account_id: str
    name: str | None = field(repr=False)
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class ApiKeyStore:
    """The keys of all accounts."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store keys in ``database``; ``server`` encrypts their names."""
        self._database = database
        self._server = server

    async def list_keys(self, account_id: str) -> list[ApiKey]:
        """The keys of an account, oldest first, including expired ones that are not revoked."""
        query = (
            select(api_keys).where(api_keys.c.account_id == account_id).order_by(api_keys.c.created_at, api_keys.c.id)
        )
        return [self._key(row) for row in await self._database.read(query)]

    async def create_key(
        self,
        maker: ApiKey,
        private_key: bytes | None,
        now: datetime,
        *,
        name: str | None = None,
        scopes: Collection[Scope] = EVERY_SCOPE,
        expires_at: datetime | None = None,
        token: TokenClaims | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key in the account of ``maker``, with at most its scopes; with ``token``, as a JWT.

        Raises `Forbidden` for a scope that the maker lacks, `LimitReached`, and `Unauthenticated` when the maker was
        revoked in the meantime.
        """
        if not maker.scopes.issuperset(scopes):
            raise Forbidden("A key can't grant scopes that it does not have.")
        async with self._database.transaction() as connection:
            # Serialises concurrent creations, so that each key is counted.
            await lock_account(connection, maker.account_id)
            # A key revoked after authentication can't create another one.
            if await connection.scalar(select(api_keys.c.id).where(api_keys.c.id == maker.id)) is None:
                raise Unauthenticated
            of_account = select(func.count()).where(api_keys.c.account_id == maker.account_id)
            if (await connection.scalar(of_account) or 0) >= MOST_KEYS:
                raise LimitReached(f"An account can have at most {MOST_KEYS} keys; revoke one first.")
            made = await insert_key(
                connection, self._server, maker.account_id, private_key, now, name, scopes, expires_at, token
            )
            details = {"key_id": made[0].id, "scopes": sorted(scopes)}
            await record(connection, self._server, maker.account_id, now, maker.id, "key.created", details)
        return made

    async def revoke_key(self, account_id: str, key_id: str, actor: str, now: datetime) -> None:
        """Delete a key with its copy of the private key: effective immediately, without re-encryption of data.

        Raises `NotFound`, and `LastKey` for the last one that may manage the account.
        """
        async with self._database.transaction() as connection:
            # Serialises concurrent revocations, so that the last two keys can't both be deleted.
            await lock_account(connection, account_id)
            this_key = (api_keys.c.id == key_id, api_keys.c.account_id == account_id)
            removed = await connection.execute(delete(api_keys).where(*this_key))
            if not removed.rowcount:
                raise NotFound
            rest = (await connection.execute(select(api_keys).where(api_keys.c.account_id == account_id))).all()
            if not any(_may_manage(self._key(row), now) for row in rest):
                raise LastKey
            await record(connection, self._server, account_id, now, actor, "key.revoked", {"key_id": key_id})

    async def open_key(self, text: str, now: datetime) -> tuple[ApiKey, bytes | None, Row[Any]]:
        """The key with this text, the private key that it unwraps (``None`` without the scope), and its account's row.

        One index look-up, independently of the number of accounts. Raises `Unauthenticated`, the same for every kind of
        invalid key: malformed, unknown, expired, revoked, or one whose row was modified.
        """
        try:
            secret = _secret_of(text)
        except MalformedApiKey:
            raise Unauthenticated from None
        shown = verifier(secret)
        rows = await self._database.read(_OF_VERIFIER, {"shown": shown})
        if not rows or not hmac.compare_digest(rows[0].verifier, shown):
            raise Unauthenticated
        row = rows[0]
        try:
            key, private_key = self._key(row), None
            if row.wrapped_private_key is not None:
                private_key = unwrap_private_key(
                    row.wrapped_private_key, secret, account_id=row.account_id, key_id=row.id
                )
        except CannotOpen:
            raise Unauthenticated from None
        if key.expires_at is not None and key.expires_at <= now:
            raise Unauthenticated
        await self._note_use(key, now)
        return key, private_key, row

    async def usable_keys(self, key_ids: Collection[str], now: datetime) -> set[str]:
        """The keys among these that are still accepted: neither revoked nor expired, with an account not suspended."""
        query = (
            select(api_keys.c.id)
            .join_from(api_keys, accounts)
            .where(api_keys.c.id.in_(key_ids), accounts.c.suspended_at.is_(None))
            .where(or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now))
        )
        return {row.id for row in await self._database.read(query)}

    async def _note_use(self, key: ApiKey, now: datetime) -> None:
        hour = now.replace(minute=0, second=0, microsecond=0)
        if key.last_used_at is not None and key.last_used_at >= hour:
            return
        earlier = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < hour)
        async with self._database.transaction() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.id == key.id, earlier).values(last_used_at=hour))

    def _key(self, row: Row[Any]) -> ApiKey:
        sealed = row.name_sealed
        return ApiKey(
            id=row.id,
            account_id=row.account_id,
            name=None if sealed is None else self._server.decrypt(sealed, purpose=KEY_NAME.purpose(row.id)).decode(),
            scopes=frozenset(map(Scope, row.scopes.split())),
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


async def insert_key(
    connection: AsyncConnection,
    server: ServerSecret,
    account_id: str,
    private_key: bytes | None,
    now: datetime,
    name: str | None = None,
    scopes: Iterable[Scope] = EVERY_SCOPE,
    expires_at: datetime | None = None,
    token: TokenClaims | None = None,
) -> tuple[ApiKey, str]:
    """Insert a key in a transaction. Returns it with its text, which is shown only once.

    Raises `Forbidden` for the scope to read without a private key.
    """
    key = ApiKey(f"key_{secrets.token_hex(8)}", account_id, name, frozenset(scopes), now, expires_at)
    text = (
        new_api_key()
        if token is None
        else new_token_key(server, token, key_id=key.id, issued_at=now, expires_at=expires_at)
    )
    secret = _secret_of(text)
    wrapped = None
    if Scope.READ in key.scopes:
        if private_key is None:
            raise Forbidden("Only a key with the scope read can create another key with it.")
        wrapped = wrap_private_key(private_key, secret, account_id=account_id, key_id=key.id)
    await connection.execute(
        insert(api_keys).values(
            id=key.id,
            account_id=account_id,
            verifier=verifier(secret),
            wrapped_private_key=wrapped,
            created_at=now,
            name_sealed=name and server.encrypt(name.encode(), purpose=KEY_NAME.purpose(key.id)),
            scopes=" ".join(sorted(key.scopes)),
            expires_at=expires_at,
        )
    )
    return key, text


def _secret_of(text: str) -> bytes:
    return check_token_key(text) if is_token_key(text) else check_api_key(text)


def _may_manage(key: ApiKey, now: datetime) -> bool:
    return Scope.MANAGE in key.scopes and (key.expires_at is None or key.expires_at > now)
