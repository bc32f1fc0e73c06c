"""Webhooks (SQL): the receiver URLs of an account, their event types, and the secrets that sign the deliveries.

URLs, descriptions and secrets are encrypted with the server secret, because workers need them unattended. Deliveries
are in `shared.events.deliveries`.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from shared.core.errors import LimitReached, NotFound
from shared.crypto.server_secret import ServerSecret
from shared.storage.audit_log import SYSTEM, record
from shared.storage.database import Database
from shared.storage.row_locks import lock_account
from shared.storage.sealed_columns import WEBHOOK_DESCRIPTION, WEBHOOK_SECRET, WEBHOOK_URL
from shared.storage.tables import accounts, webhook_endpoints

MOST_WEBHOOKS = 10
"""The maximum number of webhooks per account."""
OVERLAP = timedelta(hours=24)
"""How long the previous secret still signs after a rotation."""
SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix of every secret, by Standard Webhooks
_SECRET_BYTES = 32
_PAGE = 500


class DisabledReason(StrEnum):
    """Why the gateway has disabled a webhook: the receiver returned 410, or all tries of a delivery failed."""

    GONE = "gone"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secret. ``events``: ``None`` for all but the quiet ones."""

    id: str
    account_id: str
    version: int
    url: str = field(repr=False)
    description: str | None = field(repr=False)
    events: tuple[str, ...] | None
    enabled: bool
    created_at: datetime
    disabled_reason: DisabledReason | None = None
    disabled_at: datetime | None = None
    previous_secret_until: datetime | None = None

    @property
    def subscription(self) -> str:
        """Its current event types, in the format of `DeliveryStore.subscribe`."""
        return _subscription(self.events, is_enabled=self.enabled)


@dataclass(frozen=True, slots=True)
class Signer:
    """The data for a delivery: the webhook, the current signing secrets, and whether its account is suspended."""

    webhook: Webhook
    secrets: Sequence[str] = field(repr=False)
    is_suspended: bool


class WebhookStore:
    """The webhooks of all accounts."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store them in ``database``; ``server`` encrypts the confidential columns."""
        self._database = database
        self._server = server

    async def create_webhook(
        self,
        account_id: str,
        url: str,
        events: Collection[str] | None,
        description: str | None,
        actor: str,
        now: datetime,
    ) -> tuple[Webhook, str]:
        """Create a webhook. Returns it with its secret, which is shown once. Raises `LimitReached` and `NotFound`."""
        webhook_id, secret = f"hook_{secrets.token_hex(8)}", _new_secret()
        async with self._database.transaction() as connection:
            # Serialises the creation of webhooks of the same account.
            await lock_account(connection, account_id)
            of_account = select(func.count()).where(webhook_endpoints.c.account_id == account_id)
            if (await connection.scalar(of_account) or 0) >= MOST_WEBHOOKS:
                raise LimitReached(f"An account can have at most {MOST_WEBHOOKS} webhooks; delete one first.")
            added = insert(webhook_endpoints).values(
                id=webhook_id,
                account_id=account_id,
                version=1,
                url_sealed=self._server.encrypt(url.encode(), purpose=WEBHOOK_URL.purpose(webhook_id)),
                description_sealed=self._seal_description(webhook_id, description),
                events=None if events is None else sorted(events),
                enabled=True,
                created_at=now,
                secret_sealed=self._seal_secret(webhook_id, secret),
            )
            row = (await connection.execute(added.returning(webhook_endpoints))).one()
            await record(
                connection, self._server, account_id, now, actor, "webhook.created", {"webhook_id": webhook_id}
            )
        return self._webhook(row), secret

    async def list_webhooks(self, account_id: str) -> list[Webhook]:
        """The webhooks of an account, oldest first."""
        query = select(webhook_endpoints).where(webhook_endpoints.c.account_id == account_id)
        ordered = query.order_by(webhook_endpoints.c.created_at, webhook_endpoints.c.id)
        return [self._webhook(row) for row in await self._database.read(ordered)]

    async def load_webhook(self, webhook_id: str, account_id: str) -> Webhook:
        """A webhook of an account. Raises `NotFound`."""
        rows = await self._database.read(select(webhook_endpoints).where(*_of_account(webhook_id, account_id)))
        if not rows:
            raise NotFound
        return self._webhook(rows[0])

    async def change_webhook(self, webhook: Webhook, changes: Mapping[str, Any], actor: str, now: datetime) -> Webhook:
        """Change those of ``url``, ``events``, ``description`` and ``enabled`` that are given. Raises `NotFound`."""
        values: dict[str, Any] = {name: changes[name] for name in ("enabled",) if name in changes}
        if "url" in changes:
            values["url_sealed"] = self._server.encrypt(
                changes["url"].encode(), purpose=WEBHOOK_URL.purpose(webhook.id)
            )
        if "events" in changes:
            values["events"] = None if changes["events"] is None else sorted(changes["events"])
        if "description" in changes:
            values["description_sealed"] = self._seal_description(webhook.id, changes["description"])
        if "enabled" in changes:
            values |= {"disabled_reason": None, "disabled_at": None}
        details = {"webhook_id": webhook.id, "changed": sorted(changes)}
        return await self._update(webhook, values, actor, "webhook.changed", details, now)

    async def rotate_secret(self, webhook: Webhook, actor: str, now: datetime) -> tuple[Webhook, str]:
        """A new secret, shown only once; the previous one also signs for `OVERLAP`, an earlier one no longer.

        Raises `NotFound`.
        """
        secret = _new_secret()
        values = {
            # The ciphertext is bound to the row and to the purpose, which is the same for both columns.
            "previous_secret_sealed": webhook_endpoints.c.secret_sealed,
            "previous_secret_until": now + OVERLAP,
            "secret_sealed": self._seal_secret(webhook.id, secret),
        }
        details = {"webhook_id": webhook.id}
        return await self._update(webhook, values, actor, "webhook.secret_rotated", details, now), secret

    async def delete_webhook(self, webhook: Webhook, actor: str, now: datetime) -> None:
        """Delete a webhook. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            these = _of_account(webhook.id, webhook.account_id)
            if not (await connection.execute(delete(webhook_endpoints).where(*these))).rowcount:
                raise NotFound
            details = {"webhook_id": webhook.id}
            await record(connection, self._server, webhook.account_id, now, actor, "webhook.deleted", details)

    async def disable(self, webhook: Webhook, reason: DisabledReason, now: datetime) -> Webhook | None:
        """Disable a webhook whose deliveries fail; ``None`` when it was already disabled or changed."""
        values = {"enabled": False, "disabled_reason": reason, "disabled_at": now}
        details = {"webhook_id": webhook.id, "reason": reason}
        try:
            return await self._update(webhook, values, SYSTEM, "webhook.disabled", details, now, only_unchanged=True)
        except NotFound:
            return None

    async def load_signer(self, webhook_id: str, now: datetime) -> Signer | None:
        """The data for deliveries to a webhook, ``None`` when it does not exist. Raises `CannotOpen`."""
        query = (
            select(webhook_endpoints, accounts.c.suspended_at)
            .join_from(webhook_endpoints, accounts)
            .where(webhook_endpoints.c.id == webhook_id)
        )
        rows = await self._database.read(query)
        if not rows:
            return None
        row = rows[0]
        sealed = [row.secret_sealed]
        if row.previous_secret_until is not None and row.previous_secret_until > now:
            sealed.append(row.previous_secret_sealed)
        opened = [self._server.decrypt(each, purpose=WEBHOOK_SECRET.purpose(webhook_id)).decode() for each in sealed]
        return Signer(self._webhook(row), opened, row.suspended_at is not None)

    async def all_subscriptions(self) -> AsyncIterator[tuple[str, str, int, str]]:
        """The event types of all webhooks: account, webhook, version, types, as for `DeliveryStore.subscribe`."""
        after, table = "", webhook_endpoints.c
        query = select(table.id, table.account_id, table.version, table.events, table.enabled).order_by(table.id)
        while rows := await self._database.read(query.where(table.id > after).limit(_PAGE)):
            for row in rows:
                yield row.account_id, row.id, row.version, _subscription(row.events, is_enabled=row.enabled)
            after = rows[-1].id

    async def _update(
        self,
        webhook: Webhook,
        values: Mapping[str, Any],
        actor: str,
        action: str,
        details: Mapping[str, Any],
        now: datetime,
        *,
        only_unchanged: bool = False,
    ) -> Webhook:
        these = list(_of_account(webhook.id, webhook.account_id))
        if only_unchanged:
            these.append(webhook_endpoints.c.version == webhook.version)
        changed = update(webhook_endpoints).where(*these).values(version=webhook_endpoints.c.version + 1, **values)
        async with self._database.transaction() as connection:
            row = (await connection.execute(changed.returning(webhook_endpoints))).one_or_none()
            if row is None:
                raise NotFound
            await record(connection, self._server, webhook.account_id, now, actor, action, details)
        return self._webhook(row)

    def _webhook(self, row: Row[Any]) -> Webhook:
        url = self._server.decrypt(row.url_sealed, purpose=WEBHOOK_URL.purpose(row.id)).decode()
        sealed = row.description_sealed
        described = (
            None if sealed is None else self._server.decrypt(sealed, purpose=WEBHOOK_DESCRIPTION.purpose(row.id))
        )
        return Webhook(
            id=row.id,
            account_id=row.account_id,
            version=row.version,
            url=url,
            description=None if described is None else described.decode(),
            events=None if row.events is None else tuple(row.events),
            enabled=row.enabled,
            created_at=row.created_at,
            disabled_reason=row.disabled_reason and DisabledReason(row.disabled_reason),
            disabled_at=row.disabled_at,
            previous_secret_until=row.previous_secret_until,
        )

    def _seal_secret(self, webhook_id: str, secret: str) -> bytes:
        return self._server.encrypt(secret.encode(), purpose=WEBHOOK_SECRET.purpose(webhook_id))

    def _seal_description(self, webhook_id: str, description: str | None) -> bytes | None:
        if description is None:
            return None
        return self._server.encrypt(description.encode(), purpose=WEBHOOK_DESCRIPTION.purpose(webhook_id))


def _subscription(events: Sequence[str] | None, *, is_enabled: bool) -> str:
    if not is_enabled:
        return ""
    return "*" if events is None else " ".join(events)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _of_account(webhook_id: str, account_id: str) -> tuple[Any, ...]:
    return webhook_endpoints.c.id == webhook_id, webhook_endpoints.c.account_id == account_id
