"""Delivering webhooks: the courier takes what is due, many at once, one of each webhook, and tries for three days.

Signed as Standard Webhooks has it. Nothing is delivered for an account that is suspended, or to a webhook that was
disabled; one that answers 410, or takes a delivery at none of its tries, is disabled. The order is not kept.
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
"""Between the tries of a delivery: ten of them in a little more than three days."""
# Receivers that failed together are not tried again together.
_JITTER = 0.1
_LOOK_SECONDS = 1.0
# What SQL says is written to Redis again, in case Redis has lost it or somebody died in between.
_RENEW_WISHES_EVERY = timedelta(minutes=10)
_STOP_SECONDS = 6.0
# For each id that an event may hold: what it is the id of, and where that is.
_LINKS = {
    "job_id": ("job", "/v1/jobs/"),
    "consent_id": ("consent", "/v1/consents/"),
    "webhook_id": ("webhook", "/v1/webhooks/"),
}


class Courier:
    """Makes deliveries."""

    def __init__(self, resources: Resources, receivers: Receivers, most_at_once: int = DELIVERIES_AT_ONCE) -> None:
        """Deliver through ``receivers``, so many at a time at most."""
        self._resources = resources
        self._receivers = receivers
        self._most_at_once = most_at_once
        self._wishes_renewed_at: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``; what is under way then has a moment to end."""
        under_way: set[asyncio.Task[None]] = set()
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                try:
                    await self._look(under_way, stopping)
                except Exception:
                    # A store is away: what is due stays due.
                    logger.exception("deliveries put off")
                    await asyncio.wait({stopping}, timeout=_LOOK_SECONDS)
            if under_way:
                await asyncio.wait(under_way, timeout=_STOP_SECONDS)
        finally:
            # The lease of what is not over ends, and somebody else does it.
            await cancel_all(stopping, *under_way)

    async def _look(self, under_way: "set[asyncio.Task[None]]", stopping: "asyncio.Task[bool]") -> None:
        """Begin what is due; when nothing is, wait until something may be."""
        now = datetime.now(UTC)
        await self._renew_wishes(now)
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
            # A store is away: the lease ends, and it is tried again.
            logger.exception("delivery broken off", delivery_id=delivery.id)

    async def deliver(self, delivery: Delivery, now: datetime) -> None:
        """Make one delivery that was claimed, and write down how it went. Raises what the stores raise."""
        parts = self._resources
        try:
            signer = await parts.webhooks.load_signer(delivery.webhook_id, now)
        except CannotOpen:
            # Under a secret of the server that is not known here; the operator may bring it back.
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
        await self._resources.deliveries.note_wish(disabled.account_id, disabled.id, disabled.version, disabled.wish)
        details = {"webhook_id": disabled.id, "reason": reason.value}
        await self._resources.events.publish(disabled.account_id, "webhook.disabled", details)
        await self._resources.deliveries.stop(disabled.id, DeliveryError.WEBHOOK_DISABLED)

    async def _renew_wishes(self, now: datetime) -> None:
        if self._wishes_renewed_at is not None and now < self._wishes_renewed_at + _RENEW_WISHES_EVERY:
            return
        async for account_id, webhook_id, version, wish in self._resources.webhooks.every_wish():
            await self._resources.deliveries.note_wish(account_id, webhook_id, version, wish)
        self._wishes_renewed_at = now

    def _body(self, delivery: Delivery) -> bytes:
        """The same bytes for the same delivery: ids, and where to look with an API key. Never a usage point: who runs
        the receiver need not know whose meter it is."""
        address, ids = self._resources.settings.public_url, dict(delivery.data)
        ids.pop("usage_point_id", None)
        links = {name: f"{address}{path}{ids[key]}" for key, (name, path) in _LINKS.items() if key in ids}
        message = {"type": delivery.type, "timestamp": delivery.created_at, "data": {**ids, "links": links}}
        return orjson.dumps(message, option=orjson.OPT_UTC_Z)


def next_try(tries: int, error: DeliveryError, now: datetime) -> datetime | None:
    """When a delivery is tried again that has failed so often, lately with ``error``; ``None``: not again."""
    if error is DeliveryError.GONE or tries > len(PAUSES):
        return None
    return now + PAUSES[tries - 1] * SystemRandom().uniform(1 - _JITTER, 1 + _JITTER)


def _refusal(signer: Signer, delivery: Delivery) -> DeliveryError | None:
    """Why nothing is to be delivered. Somebody may want to know whether a disabled webhook would work again."""
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
