"""API keys (SQL): what each may do, until when, and the copy of the vault's private key that it opens.

An API key passes through here twice, when it is made and when it is checked; it is never stored. A key that may not
read is given no copy of the private key: not by a rule, but because it has none, it opens nothing.
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
"""So many keys may an account have."""
_HOUR = timedelta(hours=1)

_OF_VERIFIER = (
    select(api_keys, *(column.label(f"account_{column.name}") for column in accounts.c if column.name != "id"))
    .join_from(api_keys, accounts)
    .where(api_keys.c.verifier == bindparam("shown"))
)


class Scope(StrEnum):
    """What a key may do: read what is stored, have data fetched, manage the account."""

    READ = "read"
    FETCH = "fetch"
    MANAGE = "manage"


EVERY_SCOPE = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key once it has been shown: everything but the key. ``last_used_at``: to the hour."""

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
        """Keep keys in ``database``; ``server`` closes their names."""
        self._database = database
        self._server = server

    async def list_keys(self, account_id: str) -> list[ApiKey]:
        """The keys of an account, oldest first; an expired one is among them until it is revoked."""
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
        """Another key of the account of ``maker``, which can give no more than it has; with ``token``, as a JWT.

        Raises `Forbidden` for a scope that the maker lacks, `LimitReached`, and `Unauthenticated` when the maker has
        been revoked meanwhile.
        """
        if not maker.scopes.issuperset(scopes):
            raise Forbidden("A key can't give what it does not have: these scopes are more than its own.")
        async with self._database.transaction() as connection:
            # Of keys made at the same time each is counted.
            await lock_account(connection, maker.account_id)
            # A key that was revoked since it was shown makes no other one.
            if await connection.scalar(select(api_keys.c.id).where(api_keys.c.id == maker.id)) is None:
                raise Unauthenticated
            of_account = select(func.count()).where(api_keys.c.account_id == maker.account_id)
            if (await connection.scalar(of_account) or 0) >= MOST_KEYS:
                raise LimitReached(f"An account has {MOST_KEYS} keys at most; revoke one first.")
            made = await insert_key(
                connection, self._server, maker.account_id, private_key, now, name, scopes, expires_at, token
            )
            details = {"key_id": made[0].id, "scopes": sorted(scopes)}
            await record(connection, self._server, maker.account_id, now, maker.id, "key.created", details)
        return made

    async def revoke_key(self, account_id: str, key_id: str, actor: str, now: datetime) -> None:
        """Delete a key and with it its copy of the private key: no data is written anew, and it is of no use at once.

        Raises `NotFound`, and `LastKey` for the last one that may manage the account.
        """
        async with self._database.transaction() as connection:
            # Of two that are the last ones not both go.
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
        """The key with this text, the private key that it opens (``None`` when it may not read) and its account's row.

        One look-up by an index, whatever the number of accounts. Raises `Unauthenticated`, the same for every kind of
        wrong key: malformed, unknown, expired, revoked, or one whose row was changed.
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
        """Those of these keys that still let in: neither revoked nor expired, of an account that is not suspended."""
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
    """Add a key in a transaction; gives it with its text, the only time that this is seen.

    Raises `Forbidden` when it shall read and there is no private key to give it.
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
            raise Forbidden("Only a key that may read can make another one that may.")
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
