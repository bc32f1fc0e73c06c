"""Webhook delivery: the courier takes due deliveries concurrently, one per webhook, and retries for three days.

Signed according to Standard Webhooks. Nothing is delivered for a suspended account or to a disabled webhook; a webhook
that responds with 410, or accepts a delivery at none of its attempts, is disabled. Order is not preserved.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from secrets import SystemRandom

import orjson
from standardwebhooks import Webhook as Signature

from shared.core.task_cancellation import cancel_all
from shared.crypto.server_secret import CannotOpen
from shared.events.deliveries import TEST_TYPE, Attempt, Delivery, DeliveryError
from shared.events.webhooks import DisabledReason, Signer, Webhook
from shared.observability.logging import get_logger
from shared.resources import Resources
from workers.webhooks.http_sender import Receivers

logger = get_logger(__name__)

DELIVERIES_AT_ONCE = 200
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Delays between the attempts of a delivery: ten attempts in a little more than three days."""
# Jitter: receivers that failed together are not retried together.
_JITTER = 0.1
_LOOK_SECONDS = 1.0
# The state in SQL is written to Redis again, in case Redis lost it or a process crashed in between.
_RENEW_SUBSCRIPTIONS_EVERY = timedelta(minutes=10)
_STOP_SECONDS = 6.0
# For each id that an event may contain: the resource type and its location.
_LINKS = {
    "job_id": ("job", "/v1/jobs/"),
    "consent_id": ("consent", "/v1/consents/"),
    "webhook_id": ("webhook", "/v1/webhooks/"),
}


class Courier:
    """Makes deliveries."""

    def __init__(self, resources: Resources, receivers: Receivers, most_at_once: int = DELIVERIES_AT_ONCE) -> None:
        """Deliver through ``receivers``, at most ``most_at_once`` at a time."""
        self._resources = resources
        self._receivers = receivers
        self._most_at_once = most_at_once
        self._subscriptions_renewed_at: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``; deliveries in progress then get a grace period."""
        under_way: set[asyncio.Task[None]] = set()
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                try:
                    await self._look(under_way, stopping)
                except Exception:
                    # A store is unavailable: due deliveries stay due.
                    logger.exception("deliveries put off")
                    await asyncio.wait({stopping}, timeout=_LOOK_SECONDS)
            if under_way:
                await asyncio.wait(under_way, timeout=_STOP_SECONDS)
        finally:
            # Leases of unfinished deliveries expire, and another courier takes them.
            await cancel_all(stopping, *under_way)

    async def _look(self, under_way: "set[asyncio.Task[None]]", stopping: "asyncio.Task[bool]") -> None:
        """Start due deliveries; when there are none, wait until one may be due."""
        now = datetime.now(UTC)
        await self._renew_subscriptions(now)
        free = self._most_at_once - len(under_way)
        if not free:
            await asyncio.wait({*under_way, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return
        claimed = await self._resources.deliveries.claim(now, free)
        for delivery in claimed:
            task = asyncio.create_task(self._deliver_or_leave(delivery))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if not claimed:
            await self._resources.deliveries.await_bell(_LOOK_SECONDS)

    async def _deliver_or_leave(self, delivery: Delivery) -> None:
        try:
            await self.deliver(delivery, datetime.now(UTC))
        except Exception:
            # A store is unavailable: the lease expires, and the delivery is retried.
            logger.exception("delivery broken off", delivery_id=delivery.id)

    async def deliver(self, delivery: Delivery, now: datetime) -> None:
        """Make one claimed delivery and record its outcome. Raises the stores' errors."""
        parts = self._resources
        try:
            signer = await parts.webhooks.load_signer(delivery.webhook_id, now)
        except CannotOpen:
            # Encrypted with a server secret that is not known here; the operator may restore it.
            await self._settle(delivery, Attempt(now, DeliveryError.UNREADABLE), None, now)
            return
        if signer is None:
            await parts.deliveries.forget_webhook(delivery.account_id, delivery.webhook_id)
            return
        refusal = _refusal(signer, delivery)
        if refusal is not None:
            await parts.deliveries.stop(delivery.webhook_id, refusal)
            await parts.deliveries.release(delivery, now)
            return
        body = self._body(delivery)
        attempt = await self._receivers.post(signer.webhook.url, _headers(signer, delivery.id, body, now), body)
        await self._settle(delivery, attempt, signer.webhook, now)

    async def _settle(self, delivery: Delivery, attempt: Attempt, webhook: Webhook | None, now: datetime) -> None:
        next_at = None
        if attempt.error is not None and delivery.type != TEST_TYPE:
            next_at = next_try(delivery.tries + 1, attempt.error, now)
            if next_at is None and webhook is not None:
                await self._disable(webhook, attempt.error, now)
        await self._resources.deliveries.settle(delivery, attempt, next_at, now)
        logger.info(
            "webhook tried",
            delivery_id=delivery.id,
            type=delivery.type,
            error=attempt.error,
            status_code=attempt.status_code,
            duration_ms=attempt.duration_ms,
        )

    async def _disable(self, webhook: Webhook, error: DeliveryError, now: datetime) -> None:
        reason = DisabledReason.GONE if error is DeliveryError.GONE else DisabledReason.EXHAUSTED
        disabled = await self._resources.webhooks.disable(webhook, reason, now)
        if disabled is None:
            return
        await self._resources.deliveries.subscribe(
            disabled.account_id, disabled.id, disabled.version, disabled.subscription
        )
        details = {"webhook_id": disabled.id, "reason": reason.value}
        await self._resources.events.publish(disabled.account_id, "webhook.disabled", details)
        await self._resources.deliveries.stop(disabled.id, DeliveryError.WEBHOOK_DISABLED)

    async def _renew_subscriptions(self, now: datetime) -> None:
        if (
            self._subscriptions_renewed_at is not None
            and now < self._subscriptions_renewed_at + _RENEW_SUBSCRIPTIONS_EVERY
        ):
            return
        async for account_id, webhook_id, version, subscription in self._resources.webhooks.all_subscriptions():
            await self._resources.deliveries.subscribe(account_id, webhook_id, version, subscription)
        self._subscriptions_renewed_at = now

    def _body(self, delivery: Delivery) -> bytes:
        """The same bytes for the same delivery: ids, and the URLs to read with an API key. Never a usage point: the
        operator of the receiver need not know the meter."""
        address, ids = self._resources.settings.public_url, dict(delivery.data)
        ids.pop("usage_point_id", None)
        links = {name: f"{address}{path}{ids[key]}" for key, (name, path) in _LINKS.items() if key in ids}
        message = {"type": delivery.type, "timestamp": delivery.created_at, "data": {**ids, "links": links}}
        return orjson.dumps(message, option=orjson.OPT_UTC_Z)


def next_try(tries: int, error: DeliveryError, now: datetime) -> datetime | None:
    """The next attempt of a delivery that failed ``tries`` times, most recently with ``error``; ``None``: none."""
    if error is DeliveryError.GONE or tries > len(PAUSES):
        return None
    return now + PAUSES[tries - 1] * SystemRandom().uniform(1 - _JITTER, 1 + _JITTER)


def _refusal(signer: Signer, delivery: Delivery) -> DeliveryError | None:
    """Why nothing is to be delivered. Test deliveries to a disabled webhook are allowed."""
    if signer.is_suspended:
        return DeliveryError.ACCOUNT_SUSPENDED
    if not signer.webhook.enabled and delivery.type != TEST_TYPE:
        return DeliveryError.WEBHOOK_DISABLED
    return None


def _headers(signer: Signer, delivery_id: str, body: bytes, now: datetime) -> dict[str, str]:
    signed = [Signature(secret).sign(delivery_id, now.astimezone(UTC), body.decode()) for secret in signer.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "releve/0.1",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signed),
    }
