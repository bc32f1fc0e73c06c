"""An account with a webhook, a receiver that keeps its messages, and a courier whose clock the test moves."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook as Signature

from bench.bad_receivers import Handler, answers, read_message
from shared.accounts.store import Account
from shared.events.deliveries import Delivery
from shared.events.webhooks import Webhook
from shared.resources import Resources
from tests.support.patience import PATIENCE_SECONDS
from workers.webhooks.courier import Courier

ACTOR = "key_0123456789abcdef"
TAKEN = answers("204 No Content")
FAILS = answers("503 Service Unavailable")
JOB = "job_0123456789abcdef"


async def until(happened: Callable[[], Awaitable[Any]]) -> None:
    """Wait until the store shows a change."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await happened():  # noqa: ASYNC110  # the change is made elsewhere: this loop has no event to await
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Message:
    """A received message."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The type of its event."""
        return str(json.loads(self.body)["type"])

    def verify(self, secret: str) -> Any:
        """The payload, verified as a receiver does. Raises `WebhookVerificationError`."""
        return Signature(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """Keeps the messages it receives, and sends the configured response."""

    messages: list[Message] = field(default_factory=list)
    answer: Handler = TAKEN
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive one message."""
        headers, body = await read_message(reader)
        self.messages.append(Message(headers, body))
        self.arrived.set()
        again = asyncio.StreamReader()
        again.feed_data(b"POST / HTTP/1.1\r\n\r\n")
        await self.answer(again, writer)

    @property
    def types(self) -> Sequence[str]:
        """The event types, in order of arrival."""
        return [each.type for each in self.messages]


@dataclass
class Stage:
    """The account, its webhook, the receiver and the courier."""

    resources: Resources
    courier: Courier
    receiver: Receiver
    account: Account
    url: str
    webhook: Webhook
    secret: str = field(repr=False)

    async def add_webhook(self, url: str, events: Sequence[str] | None = None) -> Webhook:
        """Create another webhook of the account, as the API does."""
        now = datetime.now(UTC)
        webhook, _ = await self.resources.webhooks.create_webhook(self.account.id, url, events, None, ACTOR, now)
        await self.note(webhook)
        return webhook

    async def change(self, **changes: Any) -> None:
        """Change the webhook, as the API does."""
        changed = await self.resources.webhooks.change_webhook(self.webhook, changes, ACTOR, datetime.now(UTC))
        self.webhook = changed
        await self.note(changed)

    async def note(self, webhook: Webhook) -> None:
        """Copy a webhook's state from SQL to Redis."""
        await self.resources.deliveries.subscribe(webhook.account_id, webhook.id, webhook.version, webhook.subscription)

    async def tell(self, event_type: str = "job.succeeded", **data: str) -> None:
        """Publish an event."""
        await self.resources.events.publish(self.account.id, event_type, data or {"job_id": "job_0123456789abcdef"})

    async def work_off(self, now: datetime | None = None) -> int:
        """Send every delivery due at that time; returns their number."""
        made = 0
        while claimed := await self.resources.deliveries.claim(now or datetime.now(UTC), 100):
            await asyncio.gather(*(self.courier.deliver(each, now or datetime.now(UTC)) for each in claimed))
            made += len(claimed)
        return made

    async def deliveries(self) -> list[Delivery]:
        """The deliveries of the webhook, newest first."""
        return await self.resources.deliveries.list_deliveries(self.webhook.id)

    async def only_delivery(self) -> Delivery:
        """The only delivery."""
        (delivery,) = await self.deliveries()
        return delivery

    async def events(self) -> list[str]:
        """The events published to the account."""
        return [each.type for each in await self.resources.events.load_events(self.account.id)]
