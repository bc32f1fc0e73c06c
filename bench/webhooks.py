"""The effect of failing webhook receivers on a good one, and the outcome of their deliveries.

`python -m bench webhooks`. A real courier in its own process, with its real timeout of 15 seconds, delivers to a good
receiver: alone, then next to bad ones, several of each kind, which get the same events. The end of the bad ones, after
days, is simulated on a virtual clock, with the same code and a shorter timeout.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from bench.bad_receivers import BAD, Handler, read_message, receiving
from bench.virtual_pacer import running_valkey
from shared.accounts.store import Account
from shared.config.settings import Settings, load_settings
from shared.events.deliveries import Delivery, DeliveryError, DeliveryStatus
from shared.events.webhooks import Webhook
from shared.resources import Resources, open_resources
from shared.storage.database import migrate
from workers.webhooks.courier import Courier
from workers.webhooks.http_sender import open_receivers

OF_EACH_KIND = 4
EVENTS = 150
PAUSE_SECONDS = 0.2
_SETTLE_SECONDS = 60.0
# The first attempts to the slowest receivers end within it.
_LAST_TRIES_SECONDS = 16.0
_QUICK_SECONDS = 0.3
_KEY = "key_0123456789abcdef"
_MS = 1000


@dataclass(frozen=True)
class Delays:
    """Milliseconds from an event to its arrival."""

    arrived: int
    p50: float
    p99: float
    longest: float


@dataclass(frozen=True)
class Fate:
    """The outcome of one bad receiver: its first attempt, and the end."""

    kind: str
    first: Delivery
    attempts: int
    lasted: timedelta
    status: DeliveryStatus
    error: DeliveryError | None
    disabled: str


class GoodReceiver:
    """Accepts everything at once, and records the age of each event."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._arrived = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive one message."""
        _, body = await read_message(reader)
        now = datetime.now(UTC)
        self.delays.append((now - datetime.fromisoformat(orjson.loads(body)["timestamp"])).total_seconds() * _MS)
        self._arrived.set()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def measured(self, expected: int) -> Delays:
        """The delays recorded since the last time, when ``expected`` events have arrived, or no more arrive."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                while len(self.delays) < expected:
                    self._arrived.clear()
                    await self._arrived.wait()
        ordered = sorted(self.delays)
        self.delays = []
        if not ordered:
            return Delays(0, 0, 0, 0)
        p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
        return Delays(len(ordered), round(p50, 1), round(p99, 1), round(ordered[-1], 1))


def measure_webhooks() -> bool:
    """Measure and print; returns whether no receiver was delayed or skipped, and every bad one reached its end."""
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as name:
        directory = Path(name)
        with running_valkey(directory) as redis_url:
            settings = load_settings(
                {
                    "RELEVE_SECRET_KEY": os.urandom(32).hex(),
                    "REDIS_URL": redis_url,
                    "DATABASE_URL": f"sqlite+aiosqlite:///{directory}/releve.db",
                    "RELEVE_WEBHOOK_PRIVATE_TARGETS": "true",
                }
            )
            asyncio.run(migrate(settings.database_url.get_secret_value()))
            alone, beside, fates = asyncio.run(_measure(settings, directory))
    console = Console(width=160)
    console.print(_delays_table(alone, beside))
    console.print(_fates_table(fates))
    return alone.arrived == beside.arrived == EVENTS and all(
        each.status is not DeliveryStatus.PENDING for each in fates
    )


async def _measure(settings: Settings, directory: Path) -> tuple[Delays, Delays, list[Fate]]:
    good = GoodReceiver()
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings))
        await _add_webhook(resources, await _new_account(resources), await stack.enter_async_context(receiving(good)))
        (listener,) = [webhook async for webhook in resources.webhooks.all_subscriptions()]
        await stack.enter_async_context(_courier_process(settings, directory))
        # The process has to start first.
        await _tell(resources, [listener[0]], good, 1)
        alone = await _tell(resources, [listener[0]], good)
        bad: dict[str, Webhook] = {}
        accounts = [listener[0]]
        for kind, handler in BAD.items():
            url = await stack.enter_async_context(receiving(handler))
            account = await _new_account(resources)
            accounts.append(account.id)
            for _ in range(OF_EACH_KIND):
                bad[kind] = await _add_webhook(resources, account, url)
        beside = await _tell(resources, accounts, good)
        await asyncio.sleep(_LAST_TRIES_SECONDS)
        firsts = {kind: (await resources.deliveries.list_deliveries(webhook.id))[-1] for kind, webhook in bad.items()}
    fates = await asyncio.gather(*(_play(settings, kind, BAD[kind], firsts[kind]) for kind in BAD))
    return alone, beside, list(fates)


async def _tell(resources: Resources, accounts: list[str], good: GoodReceiver, events: int = EVENTS) -> Delays:
    """Publish events to all of these accounts; returns the delays to the good receiver."""
    for number in range(events):
        for account_id in accounts:
            await resources.events.publish(account_id, "job.succeeded", {"job_id": f"job_{number:024x}"})
        await asyncio.sleep(PAUSE_SECONDS)
    return await good.measured(events)


async def _play(settings: Settings, kind: str, handler: Handler, first: Delivery) -> Fate:
    """Simulate one bad receiver from its first attempt to its end, on a clock that jumps between attempts."""
    async with (
        receiving(handler) as url,
        open_resources(settings) as resources,
        open_receivers(resources.webhook_targets, 1, _QUICK_SECONDS) as receivers,
    ):
        account = await _new_account(resources)
        webhook = await _add_webhook(resources, account, url)
        await resources.events.publish(account.id, "job.succeeded", {"job_id": "job_0123456789abcdef"})
        courier = Courier(resources, receivers)
        begun = now = datetime.now(UTC)
        while True:
            (delivery,) = await resources.deliveries.list_deliveries(webhook.id)
            if delivery.next_at is None:
                break
            now = max(now, delivery.next_at)
            await courier.deliver(delivery, now)
        webhook = await resources.webhooks.load_webhook(webhook.id, account.id)
        return Fate(
            kind,
            first,
            delivery.attempts,
            now - begun,
            delivery.status,
            delivery.error,
            webhook.disabled_reason or "",
        )


@asynccontextmanager
async def _courier_process(settings: Settings, directory: Path) -> AsyncIterator[None]:
    environment: Mapping[str, str] = {
        **os.environ,
        "RELEVE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "RELEVE_WEBHOOK_PRIVATE_TARGETS": "true",
        "RELEVE_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "cli.main", "worker", "--lane", "webhooks"]
    with (directory / "courier.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=log, stdout=log)
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def _new_account(resources: Resources) -> Account:
    account, _ = await resources.accounts.create_account(datetime.now(UTC))
    return account


async def _add_webhook(resources: Resources, account: Account, url: str) -> Webhook:
    webhook, _ = await resources.webhooks.create_webhook(account.id, url, None, None, _KEY, datetime.now(UTC))
    await resources.deliveries.subscribe(account.id, webhook.id, webhook.version, webhook.subscription)
    return webhook


def _delays_table(alone: Delays, beside: Delays) -> Table:
    table = Table(title=f"A good receiver, {EVENTS} events, milliseconds from the event to its arrival")
    for name in ("with", "arrived", "p50", "p99", "longest"):
        table.add_column(name, justify="left" if name == "with" else "right")
    for name, each in (("no bad ones", alone), (f"{OF_EACH_KIND} bad ones of each of {len(BAD)} kinds", beside)):
        table.add_row(name, str(each.arrived), str(each.p50), str(each.p99), str(each.longest))
    return table


def _fates_table(fates: list[Fate]) -> Table:
    table = Table(title="Bad receivers: the first try, for real, and the end, on a virtual clock")
    for name in ("receiver", "first try", "status", "ms", "tries", "over after", "ended", "webhook"):
        table.add_column(name, justify="right" if name in ("status", "ms", "tries", "over after") else "left")
    for each in fates:
        first = each.first
        table.add_row(
            each.kind,
            first.error or "taken",
            str(first.status_code or ""),
            "" if first.duration_ms is None else str(first.duration_ms),
            str(each.attempts),
            f"{each.lasted / timedelta(days=1):.1f} d" if each.lasted else "at once",
            f"{each.status}: {each.error}" if each.error else str(each.status),
            f"disabled: {each.disabled}" if each.disabled else "enabled",
        )
    return table
