"""Deliveries to webhooks (Redis): their queue, leases and results.

A delivery is created atomically with its event, and stays pending until it succeeds or fails. A worker takes a *lease*
on a webhook: no other worker delivers to it in the meantime, and if the worker dies another one continues when the
lease expires. So a delivery may arrive twice, with the same id. Stores types and ids; never a URL, a secret, or the
body of a receiver's response.
"""

import secrets
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from shared.events.delivery_keys import (
    BELL_KEY,
    KEPT,
    KEPT_DELIVERIES,
    attempted_key,
    deliveries_key,
    delivery_key,
    pending_key,
    webhooks_key,
)
from shared.storage.redis_scripts import RedisScript
from shared.storage.tombstones import erased_key

TEST_TYPE = "webhook.test"
LEASE = timedelta(seconds=30)
"""Longer than an attempt takes."""
_PACKAGE = "shared.events"
# After a failure a webhook is paused for a second, doubled with each further failure up to this limit, so that a fast
# failure costs no more than a slow one. Short enough for hundreds of deliveries to have all their tries in time.
_SETTLING = {"outcome_seconds": 60, "longest_rest_ms": 30_000, "longest_try_ms": 30_000}


class DeliveryStatus(StrEnum):
    """The status of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryError(StrEnum):
    """Why an attempt failed, or was not made."""

    TARGET_REFUSED = "target_refused"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    GARBAGE = "garbage"
    REDIRECT = "redirect"
    BAD_STATUS = "bad_status"
    GONE = "gone"
    WEBHOOK_DISABLED = "webhook_disabled"
    ACCOUNT_SUSPENDED = "account_suspended"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one try. ``error``: ``None`` on success; ``status_code``: that of the response, if any."""

    at: datetime
    error: DeliveryError | None = None
    status_code: int | None = None
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook, and its last attempt. ``attempts``: in total; ``tries``: since it was created or
    replayed; ``next_at``: ``None`` when it has succeeded or failed."""

    id: str
    webhook_id: str
    account_id: str
    type: str
    data: Mapping[str, str]
    created_at: datetime
    status: DeliveryStatus
    attempts: int
    tries: int
    next_at: datetime | None = None
    tried_at: datetime | None = None
    status_code: int | None = None
    error: DeliveryError | None = None
    duration_ms: int | None = None


class DeliveryStore:
    """The deliveries of all webhooks."""

    def __init__(self, redis: Redis) -> None:
        """Store them in this Redis."""
        self._redis = redis
        self._subscribe: RedisScript[int] = RedisScript(redis, _PACKAGE, "subscribe")
        self._enqueue: RedisScript[int] = RedisScript(redis, _PACKAGE, "enqueue", KEPT)
        self._replay: RedisScript[int] = RedisScript(redis, _PACKAGE, "replay", KEPT)
        self._claim: RedisScript[list[bytes]] = RedisScript(redis, _PACKAGE, "claim", KEPT)
        self._settle: RedisScript[None] = RedisScript(redis, _PACKAGE, "settle", {**KEPT, **_SETTLING})
        self._stop: RedisScript[None] = RedisScript(redis, _PACKAGE, "stop")
        self._forget: RedisScript[None] = RedisScript(redis, _PACKAGE, "forget", KEPT)

    async def subscribe(self, account_id: str, webhook_id: str, version: int, types: str) -> None:
        """Subscribe a webhook to these ``types`` (separated by blanks; ``*``: all but the quiet ones).

        A version older than the known one changes nothing, and neither does a webhook of an erased account.
        """
        keys = {"webhooks": webhooks_key(account_id), "erased": erased_key(account_id)}
        await self._subscribe(**keys, webhook=webhook_id, version=version, types=types)

    async def enqueue_test(self, account_id: str, webhook_id: str, now: datetime, *, awaited: bool) -> Delivery | None:
        """Create a test delivery; ``awaited``: the caller will use `await_attempt`.

        ``None`` when the account was erased in the meantime.
        """
        delivery_id = f"dlv_{secrets.token_hex(16)}"
        await self._enqueue(
            erased=erased_key(account_id),
            account=account_id,
            webhook=webhook_id,
            delivery=delivery_id,
            type=TEST_TYPE,
            data=orjson.dumps({"webhook_id": webhook_id}),
            now=_ms(now),
            is_awaited=int(awaited),
        )
        return await self.load(delivery_id)

    async def replay(self, delivery: Delivery, now: datetime) -> Delivery | None:
        """Schedule a delivery again, with all its retries and the same id; ``None`` when it no longer exists."""
        await self._replay(
            delivery=delivery_key(delivery.id), webhook=delivery.webhook_id, id=delivery.id, now=_ms(now)
        )
        return await self.load(delivery.id)

    async def load(self, delivery_id: str) -> Delivery | None:
        """A delivery, ``None`` when it does not exist or has expired."""
        found = await self._load_all([delivery_id])
        return found[0] if found else None

    async def list_deliveries(
        self, webhook_id: str, after: str | None = None, limit: int = KEPT_DELIVERIES
    ) -> list[Delivery]:
        """The deliveries of a webhook, newest first: at most ``limit``, following the delivery ``after``."""
        key, first = deliveries_key(webhook_id), 0
        if after is not None:
            rank = await cast(Awaitable[int | None], self._redis.zrevrank(key, after))
            if rank is None:
                return []
            first = rank + 1
        ids = await cast(Awaitable[list[bytes]], self._redis.zrevrange(key, first, first + limit - 1))
        return await self._load_all([each.decode() for each in ids])

    async def claim(self, now: datetime, limit: int) -> list[Delivery]:
        """Claim at most ``limit`` due deliveries, one per webhook; each must be settled within `LEASE`."""
        ids = await self._claim(now=_ms(now), until=_ms(now + LEASE), limit=limit)
        return await self._load_all([each.decode() for each in ids])

    async def settle(self, delivery: Delivery, attempt: Attempt, next_at: datetime | None, now: datetime) -> None:
        """Record the result of a try and the time of the next one, if any, and release the webhook."""
        ended = DeliveryStatus.FAILED if attempt.error else DeliveryStatus.DELIVERED
        outcome = (DeliveryStatus.PENDING, _ms(next_at)) if next_at else (ended, "")
        tried = (_ms(attempt.at), attempt.status_code or "", attempt.error or "", attempt.duration_ms)
        await self._let_go(delivery, now, *outcome, *tried)

    async def release(self, delivery: Delivery, now: datetime) -> None:
        """Release a webhook without a try."""
        await self._let_go(delivery, now)

    async def await_attempt(self, delivery_id: str, wait_seconds: float) -> None:
        """Wait until an awaited delivery has been tried, or the wait ends."""
        await cast(Awaitable[Any], self._redis.blpop([attempted_key(delivery_id)], timeout=wait_seconds))

    async def await_bell(self, wait_seconds: float) -> None:
        """Wait until a delivery is due, or the wait ends."""
        await cast(Awaitable[Any], self._redis.blpop([BELL_KEY], timeout=wait_seconds))

    async def stop(self, webhook_id: str, error: DeliveryError) -> None:
        """Fail all pending deliveries of a webhook, for that reason."""
        await self._stop(pending=pending_key(webhook_id), error=error)

    async def forget_webhook(self, account_id: str, webhook_id: str) -> None:
        """Erase everything about a webhook."""
        await self._redis.hdel(webhooks_key(account_id), webhook_id)
        await self._forget(webhook=webhook_id, delivery=())

    async def forget_account(self, account_id: str) -> None:
        """Erase everything about the webhooks of an account."""
        for webhook_id in await self._webhook_ids(account_id):
            await self.forget_webhook(account_id, webhook_id)

    async def forget_ids(self, account_id: str, ids: Collection[str]) -> None:
        """Erase the deliveries of an account whose data contains one of these ids, which no longer exist."""
        gone = set(ids)
        for webhook_id in await self._webhook_ids(account_id) if gone else []:
            found = await self.list_deliveries(webhook_id)
            about = [each.id for each in found if gone.intersection(each.data.values())]
            if about:
                await self._forget(webhook=webhook_id, delivery=about)

    async def _let_go(self, delivery: Delivery, now: datetime, *tried: str | int) -> None:
        key = delivery_key(delivery.id)
        await self._settle(delivery=key, webhook=delivery.webhook_id, id=delivery.id, now=_ms(now), tried=tried)

    async def _webhook_ids(self, account_id: str) -> list[str]:
        ids = await cast(Awaitable[list[bytes]], self._redis.hkeys(webhooks_key(account_id)))
        return [each.decode() for each in ids]

    async def _load_all(self, ids: Sequence[str]) -> list[Delivery]:
        """The deliveries that still exist."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hgetall(delivery_key(each))
            rows = await pipeline.execute()
        return [_delivery(each, fields) for each, fields in zip(ids, rows, strict=True) if fields]


def _delivery(delivery_id: str, raw: Mapping[bytes, bytes]) -> Delivery:
    fields = {name.decode(): value.decode() for name, value in raw.items() if value}
    return Delivery(
        id=delivery_id,
        webhook_id=fields["webhook"],
        account_id=fields["account"],
        type=fields["type"],
        data=orjson.loads(fields["data"]),
        created_at=_moment(fields["created"]),
        status=DeliveryStatus(fields["status"]),
        attempts=int(fields["attempts"]),
        tries=int(fields["tries"]),
        next_at=_moment(fields["next"]) if "next" in fields else None,
        tried_at=_moment(fields["tried"]) if "tried" in fields else None,
        status_code=int(fields["code"]) if "code" in fields else None,
        error=DeliveryError(fields["error"]) if "error" in fields else None,
        duration_ms=int(fields["duration"]) if "duration" in fields else None,
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
