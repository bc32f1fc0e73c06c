"""Somebody with a webhook, a receiver that keeps what it gets, and a courier whose clock the test moves."""

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


async def until(happened: Callable[[], Awaitable[Any]]) -> None:
    """Wait for something that the store will show."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await happened():  # noqa: ASYNC110  # somebody else does it: there is no event of this loop to await
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Message:
    """What arrived."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """Of which event it tells."""
        return str(json.loads(self.body)["type"])

    def verify(self, secret: str) -> Any:
        """What it says, verified as a receiver does it. Raises `WebhookVerificationError`."""
        return Signature(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """Keeps what it gets, and answers as it was told."""

    messages: list[Message] = field(default_factory=list)
    answer: Handler = TAKEN
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one message."""
        headers, body = await read_message(reader)
        self.messages.append(Message(headers, body))
        self.arrived.set()
        again = asyncio.StreamReader()
        again.feed_data(b"POST / HTTP/1.1\r\n\r\n")
        await self.answer(again, writer)

    @property
    def types(self) -> Sequence[str]:
        """What was told, in the order in which it arrived."""
        return [each.type for each in self.messages]


@dataclass
class Stage:
    """All of them."""

    resources: Resources
    courier: Courier
    receiver: Receiver
    account: Account
    url: str
    webhook: Webhook
    secret: str = field(repr=False)

    async def add_webhook(self, url: str, events: Sequence[str] | None = None) -> Webhook:
        """Another webhook of the account, as the API makes it."""
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
        """Have Redis know what SQL says of a webhook."""
        await self.resources.deliveries.note_wish(webhook.account_id, webhook.id, webhook.version, webhook.wish)

    async def tell(self, event_type: str = "job.succeeded", **data: str) -> None:
        """Something happens."""
        await self.resources.events.publish(self.account.id, event_type, data or {"job_id": "job_0123456789abcdef"})

    async def work_off(self, now: datetime | None = None) -> int:
        """Make every delivery that is due at that moment; how many that were."""
        made = 0
        while claimed := await self.resources.deliveries.claim(now or datetime.now(UTC), 100):
            await asyncio.gather(*(self.courier.deliver(each, now or datetime.now(UTC)) for each in claimed))
            made += len(claimed)
        return made

    async def deliveries(self) -> list[Delivery]:
        """Those of the webhook, newest first."""
        return await self.resources.deliveries.list_deliveries(self.webhook.id)

    async def only_delivery(self) -> Delivery:
        """The one that there is."""
        (delivery,) = await self.deliveries()
        return delivery

    async def events(self) -> list[str]:
        """What the account's listeners were told."""
        return [each.type for each in await self.resources.events.load_events(self.account.id)]
